"""Builds the events of a search from its trials and its ensemble."""

from __future__ import annotations

from collections.abc import Iterable

from automl.events import Progress, TrialFinished, TrialStarted
from automl.trial.spec import TrialRecord
from automl.tuning.budget.budget import Budget
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

__all__ = ["finished", "make_progress", "started"]


def make_progress(
    ledger: Ledger,
    incumbent: EnsembleTracker,
    budget: Budget,
    families: Iterable[str],
    stage: str,
    running: tuple[str, ...],
) -> Progress:
    """The state of all trials and of the ensemble now, with the running fits."""
    best, current = ledger.best(), incumbent.current
    return Progress(
        elapsed_s=budget.elapsed_s,
        time_left_s=budget.time_left_s,
        stage=stage,
        families=ledger.counts(families),
        running=running,
        best_trial=best.spec.trial_id if best else None,
        best_score=best.score(ledger.metric) if best else None,
        ensemble_score=current.score if current else None,
    )


def started(trial: Trial) -> TrialStarted:
    """The event of a proposed trial."""
    return TrialStarted(trial.spec.trial_id, trial.spec.family, trial.started_s)


def finished(record: TrialRecord, elapsed_s: float) -> TrialFinished:
    """The event of a finished trial, ``elapsed_s`` seconds after the start of the run."""
    error = record.error
    return TrialFinished(
        trial=record.trial_id,
        family=record.spec.family,
        state=record.state.value,
        score=record.score,
        margin=record.margin,
        fit_s=record.fit_s,
        error_kind=error.kind if error else "",
        error=error.message if error else "",
        elapsed_s=elapsed_s,
        params=dict(record.spec.params),
        folds={result.fold: result.final_score for result in record.folds},
    )
