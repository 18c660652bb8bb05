"""``automl refit``: one model of all rows for each member of a run, which predicts faster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automl.cli.parser import METRIC_HELP, Parser, one_word

__all__ = ["parser", "run"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "refit",
        "RUN [options]",
        "Fits each member of a run's ensemble once, on all rows, in place of the models of its\n"
        "folds: predictions take a fraction of the time. Weights stay, and so does the score,\n"
        "which is from cross-validation: no row is left to score the refits on. Families that\n"
        "need validation rows keep the models of their folds, and so does a member whose refit is\n"
        "cut short or predicts something else.",
        (
            "automl refit runs/first",
            "automl refit runs/first --undo   (takes the models of the folds again)",
        ),
    )
    parser.option(
        "--undo", action="store_true", help="take the models of the folds again, which are kept"
    )
    parser.option("--metric", metavar="NAME", help=METRIC_HELP)
    parser.common_options()
    return parser


def run(argv: Sequence[str], started: float) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run or ensemble, or it is in use.
    """
    del started
    options, words = (verb := parser()).read(argv)
    path = one_word(verb, words, "RUN", overrides=False)
    from automl.leaderboard import clean
    from automl.store.run_dir import RunDir
    from automl.tuning.lifecycle.refit_run import refit_run

    done = refit_run(RunDir(Path(path)), undo=options.undo, metric=options.metric)
    for note in done.notes:
        print(clean(note))
    return 0
