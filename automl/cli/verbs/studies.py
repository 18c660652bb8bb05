"""``automl studies``: the trials of a run as Optuna studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automl.cli.parser import Parser, one_word

__all__ = ["parser", "run"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "studies",
        "RUN [options]",
        "Writes the trials of a run as Optuna studies, one a family, and prints the name of each.\n"
        "A search does so when it ends; here it is done again, also while the search goes on.\n"
        "Without --to they go to RUN/studies.journal. `optuna-dashboard` opens that file, and any\n"
        "database.",
        (
            "automl studies runs/first",
            "automl studies runs/first --to sqlite:///studies.db",
        ),
    )
    parser.option(
        "--to",
        metavar="URL",
        help="a database in place of the file: sqlite:///FILE.db, postgresql://..., mysql://...; "
        "studies of this run that lie there are replaced, those of other runs stay",
    )
    parser.common_options()
    return parser


def run(argv: Sequence[str], started: float) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run, it is damaged, or the studies cannot be written.
    """
    del started
    options, words = (verb := parser()).read(argv)
    path = one_word(verb, words, "RUN", overrides=False)
    from automl.formatting import clean
    from automl.store.run_dir import RunDir
    from automl.tuning.lifecycle.studies import write_studies

    for name in write_studies(RunDir(Path(path)).check(), options.to):
        print(clean(name))
    return 0
