"""``automl studies``: writes the trials of a run as Optuna studies."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from automl.cli.parser import Parser, one_word
from automl.formatting import clean

__all__ = ["parser", "run"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "studies",
        "RUN [options]",
        "Writes the trials of a run as Optuna studies, one per family, and prints their names.\n"
        "A search does this when it ends; this verb works during a search too.\n"
        "Without --to, the file is RUN/studies.journal. `optuna-dashboard` opens it, or the\n"
        "database.",
        (
            "automl studies runs/first",
            "automl studies runs/first --to sqlite:///studies.db",
        ),
    )
    parser.option(
        "--to",
        metavar="URL",
        help="database instead of the file: sqlite:///FILE.db, postgresql://..., mysql://...; "
        "existing studies of this run are replaced, those of other runs are kept",
    )
    parser.common_options()
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run, it is damaged, or the studies cannot be written.
    """
    path = one_word(verb, words, "RUN", overrides=False)
    from automl.store.run_dir import RunDir
    from automl.tuning.lifecycle.studies import write_studies

    for name in write_studies(RunDir(Path(path)).check(), options.to):
        print(clean(name))
    return 0
