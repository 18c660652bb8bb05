"""``automl resume``: continues a search that was stopped or killed, or extends its budget."""

from __future__ import annotations

from argparse import Namespace
from functools import partial

from automl.cli.data_options import config_option
from automl.cli.parser import METRIC_HELP, Parser, one_word
from automl.cli.verbs.search import follow

__all__ = ["parser", "run"]

ABOUT = """\
Continues the search in a run directory, whether it was killed, stopped or has finished. Finished
trials are not repeated, unfinished ones are continued. Budgets are totals that include what was
used before; a finished search continues if you raise one.

RUN        the run directory"""

EXAMPLES = (
    "automl resume runs/first",
    "automl resume runs/first --time 1h",
    "automl resume runs/first --trials 200",
)


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser("resume", "RUN [options]", ABOUT, EXAMPLES)
    config_option(
        parser,
        "time_s",
        "total wall-clock budget, including time used before; by default that of the run",
    )
    config_option(
        parser,
        "trials",
        "total number of trials, including those before; by default that of the run",
    )
    parser.option("--metric", metavar="NAME", help=METRIC_HELP)
    parser.common_options(quiet="print only the path of the run, and errors")
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: The command is invalid, the run is in use, damaged or was changed, or no model
            could be fitted.
    """
    path = one_word(verb, words, "RUN", overrides=False)
    if options.quiet and options.verbose:
        verb.error("-q and -v contradict each other")
    from automl import api

    search = partial(
        api.resume,
        path,
        metric=options.metric,
        time_s=options.time_s,
        trials=options.trials,
        verbosity=0,
        started=options.started,
    )
    return follow(search, path, options)
