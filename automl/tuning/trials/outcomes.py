"""Whether a family gets more trials, by how its trials ended."""

from __future__ import annotations

from collections.abc import Sequence

from automl.trial.spec import TrialState
from automl.tuning.trials.trial import Trial

__all__ = ["OUT_OF_MEMORY", "repeated_failure"]

SAME_FAILURES = 3
OUT_OF_MEMORY = frozenset({"oom", "cuda_oom", "memory"})


def repeated_failure(trial: Trial, trials: Sequence[Trial]) -> str | None:
    """Why a family gets no more trials: it has failed three times in the same way.

    Out of memory stops a family only as long as no trial of it has been complete: others of its
    params may take less.

    Args:
        trial: One that is over.
        trials: All of its family.
    """
    error = trial.error
    able = any(t.state is TrialState.COMPLETE for t in trials)
    if (
        trial.state is not TrialState.FAILED
        or error is None
        or (error.kind in OUT_OF_MEMORY and able)
    ):
        return None
    ways = [t.error.way for t in trials if t.state is TrialState.FAILED and t.error]
    if ways.count(error.way) < SAME_FAILURES:
        return None
    return f"it failed {SAME_FAILURES} times in the same way: {error.message}"
