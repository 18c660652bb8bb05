"""What follows from the end of a trial: what its study is told, and whether its family goes on."""

from __future__ import annotations

from collections.abc import Sequence

from automl.plugin.metric import Metric
from automl.search.ledger import Trial
from automl.search.study import FamilyStudy
from automl.trial.spec import TrialError, TrialState

__all__ = ["repeated_failure", "tell"]

SAME_FAILURES = 3
OUT_OF_MEMORY = frozenset({"oom", "memory"})


def tell(study: FamilyStudy, trial: Trial, metric: Metric) -> None:
    """Tells a study of a trial that is over."""
    if trial.state is TrialState.COMPLETE and trial.score is not None:
        study.tell_complete(trial.spec, metric.loss(trial.score))
    elif trial.state is TrialState.PRUNED:
        study.tell_pruned(trial.spec)
    elif trial.error is not None and trial.error.kind in OUT_OF_MEMORY:
        study.tell_out_of_memory(trial.spec)
    else:
        study.tell_failed(trial.spec)


def repeated_failure(trial: Trial, trials: Sequence[Trial]) -> str | None:
    """Why a family gets no more trials: it has failed three times in the same way.

    Out of memory is one way, whatever the numbers, and stops a family only as long as no trial of
    it has been complete: others of its params may take less.

    Args:
        trial: One that is over.
        trials: All of its family.
    """
    error = trial.error
    able = any(t.state is TrialState.COMPLETE for t in trials)
    if trial.state is not TrialState.FAILED or error is None or (error.kind == "oom" and able):
        return None
    ways = [_way(t.error) for t in trials if t.state is TrialState.FAILED and t.error]
    if ways.count(_way(error)) < SAME_FAILURES:
        return None
    return f"it failed {SAME_FAILURES} times in the same way: {error.message}"


def _way(error: TrialError) -> str:
    """What makes two failures the same."""
    return error.kind if error.kind == "oom" else error.message
