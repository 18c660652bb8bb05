"""Describes why a trial did not finish, as text for the user."""

from __future__ import annotations

import math

from automl.errors import RunError
from automl.store.run_dir import RunDir
from automl.trial.lost_files import LOST, lost_text
from automl.trial.settle import discard_stages
from automl.trial.spec import TrialError
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.propose.proposer import MIN_GAIN
from automl.tuning.trials.trial import Stopped, Trial

__all__ = ["cut_short", "held", "out_of_time", "score_trial", "shed"]


def _progress_of(trial: Trial) -> str:
    text = f"after {len(trial.results)} of {len(trial.folds)} folds"
    if trial.gain is not None and trial.gain <= MIN_GAIN:
        text += "; the first promised no gain for the ensemble"
    return text


def held(trial: Trial) -> Stopped:
    """The reason for a trial that stayed deferred after its first fold until the search ended."""
    return Stopped("held", f"deferred {_progress_of(trial)}, and not resumed")


def out_of_time(trial: Trial) -> Stopped:
    """The reason for a trial stopped by the clock."""
    return Stopped("out_of_time", f"stopped by the clock {_progress_of(trial)}")


def cut_short(trial: Trial, stopped_by: str) -> Stopped:
    """The reason for a trial that still ran when the search ended."""
    if stopped_by == "time":
        return out_of_time(trial)
    kind = "interrupted" if stopped_by == "interrupt" else "out_of_time"
    return Stopped(kind, f"stopped with the search {_progress_of(trial)}")


def score_trial(trial: Trial, incumbent: EnsembleTracker) -> None:
    """Scores a trial whose folds are all done, or records why it has no score."""
    try:
        score, results = incumbent.add(trial), list(trial.results.values())
    except RunError:  # removed since the last fold was done
        folder = incumbent.oof.run.trial(trial.spec.trial_id)
        trial.condemn(TrialError(LOST, lost_text(folder)))
        return
    if not math.isnan(score):
        return
    metric = incumbent.oof.metric.name
    why = next((r.score_reason for r in results if r.score_reason), "no fold has one")
    trial.condemn(TrialError("no_score", f"{metric} has no value for its predictions: {why}"))


def shed(trial: Trial, run: RunDir) -> None:
    """Deletes data that only the fits of a trial need, once it has ended.

    A trial that may continue keeps its stages: its later folds are settled with them.
    """
    if not trial.may_go_on:
        discard_stages(run, trial.spec.trial_id)
    trial.drop_reports()
