"""``automl rerun``: runs one trial of a run again and compares it with its record."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from automl.cli.parser import METRIC_HELP, Parser, one_word
from automl.formatting import clean

if TYPE_CHECKING:
    from automl.trial.spec import TrialRecord
    from automl.tuning.lifecycle.rerun import FoldRerun, RerunResult

__all__ = ["parser", "run"]

_ROW = "{:<6}{:<24}{:<24}{}"


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "rerun",
        "RUN TRIAL [options]",
        "Runs one trial of a run again from its record, with the same params, seeds and folds.\n"
        "Shows the score of each fold beside the recorded one, and whether score and predictions\n"
        "are equal; for a failing trial the traceback. The run itself is not changed.\n"
        "The exit status is 0 if the trial was run, whatever its result.",
        (
            "automl rerun runs/first lightgbm-3",
            "automl leaderboard runs/first   (lists all trials)",
        ),
    )
    parser.option("--metric", metavar="NAME", help=METRIC_HELP)
    parser.common_options()
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run or trial, or its family is not installed.
    """
    path = one_word(verb, words[:1], "RUN", overrides=False)
    trial = one_word(verb, words[1:], "TRIAL", overrides=False)
    from automl.store.run_dir import RunDir
    from automl.trial.records import find_record
    from automl.tuning.lifecycle.rerun import rerun_trial

    run_dir = RunDir(Path(path)).check()
    _print_head(find_record(run_dir, trial))
    done = rerun_trial(run_dir, trial, _print_fold, options.metric)
    _print_end(done)
    return 0


def _print(text: str) -> None:
    # Flushed immediately, as a fold may take minutes.
    print(clean(text, keep_newlines=True), flush=True)


def _print_head(record: TrialRecord) -> None:
    _print(f"{record.trial_id}, {record.state.value}: {json.dumps(record.spec.params)}")
    if record.error is not None:
        first = next(iter(record.error.message.splitlines()), "")
        _print(f"on record: {record.error.kind} in fold {record.error.fold}: {first}")
    _print(_ROW.format("fold", "recorded", "again", "equal"))


def _print_fold(fold: FoldRerun) -> None:
    recorded = "-" if fold.recorded is None else repr(fold.recorded)
    again = "failed" if fold.score is None else repr(fold.score)
    equal = {True: "yes", False: "no", None: "-"}[fold.is_equal]
    if fold.is_equal is False and fold.score == fold.recorded:
        equal = "no: the predictions differ"
    if fold.n_members > 1:
        equal = f"- (trained in a pack of {fold.n_members})"
    _print(_ROW.format(fold.fold, recorded, again, equal))


def _print_end(done: RerunResult) -> None:
    error = done.folds[-1].error
    if error is not None:
        _print(f"{error.kind} in fold {error.fold}: {error.message}")
        if error.traceback:
            _print(error.traceback.rstrip())
    compared = [fold for fold in done.folds if fold.is_equal is not None]
    n_equal = sum(bool(fold.is_equal) for fold in compared)
    _print(f"{n_equal} of {len(compared)} recorded folds are equal ({done.metric})")
    if done.timed:
        print(
            "the run had a time limit: fits that adapt to the clock may differ",
            file=sys.stderr,
        )
