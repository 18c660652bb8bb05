"""Stops a family whose trials fail repeatedly for the same reason."""

from __future__ import annotations

from collections.abc import Sequence

from automl.trial.spec import TrialState
from automl.tuning.trials.trial import Trial

__all__ = ["OUT_OF_MEMORY", "repeated_failure"]

SAME_FAILURES = 3
OUT_OF_MEMORY = frozenset({"oom", "cuda_oom", "memory"})


def repeated_failure(trial: Trial, trials: Sequence[Trial]) -> str | None:
    """Why a family gets no more trials: it has failed three times in the same way.

    Running out of memory stops a family only while it has no complete trial: other params may
    need less.

    Args:
        trial: A finished trial.
        trials: All trials of its family.
    """
    error = trial.error
    able = any(t.state is TrialState.COMPLETE for t in trials)
    if (
        trial.state is not TrialState.FAILED
        or error is None
        or (error.kind in OUT_OF_MEMORY and able)
    ):
        return None
    ways = [t.error.signature for t in trials if t.state is TrialState.FAILED and t.error]
    if ways.count(error.signature) < SAME_FAILURES:
        return None
    return f"it failed {SAME_FAILURES} times in the same way: {error.message}"
