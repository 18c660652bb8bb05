"""``automl refit``: refits each member of an ensemble on all rows, for faster predictions."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from automl.cli.parser import METRIC_HELP, Parser, one_word
from automl.formatting import clean

__all__ = ["parser", "run"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "refit",
        "RUN [options]",
        "Fits each member of a run's ensemble once on all rows, to replace the models of its\n"
        "folds: predictions take a fraction of the time. Weights are unchanged; so is the score,\n"
        "which is from cross-validation, as no rows are left to score the refits. A member keeps\n"
        "the models of its folds if its family needs validation rows, or if its refit is cut\n"
        "short or predicts differently.",
        (
            "automl refit runs/first",
            "automl refit runs/first --undo   (returns to the models of the folds)",
        ),
    )
    parser.option(
        "--undo", action="store_true", help="return to the models of the folds, which are kept"
    )
    parser.option("--metric", metavar="NAME", help=METRIC_HELP)
    parser.common_options()
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run or ensemble, or it is in use.
    """
    path = one_word(verb, words, "RUN", overrides=False)
    from automl.store.run_dir import RunDir
    from automl.tuning.lifecycle.refit_run import refit_run

    done = refit_run(RunDir(Path(path)), undo=options.undo, metric=options.metric)
    for note in done.notes:
        print(clean(note))
    return 0
