"""Stops a family whose trials fail repeatedly for the same reason."""

from __future__ import annotations

from collections.abc import Sequence

from automl.trial.spec import TrialState
from automl.tuning.trials.trial import Trial

__all__ = ["OUT_OF_MEMORY", "SHARED_FAILURES", "repeated_failure"]

SAME_FAILURES = 3
SHARED_FAILURES = frozenset({"crash", "memory", "oom", "timeout"})
"""Kinds of errors that end all fits of a pack."""

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
    same = [
        t
        for t in trials
        if t.state is TrialState.FAILED and t.error and t.error.signature == error.signature
    ]
    if len({_cause(t) for t in same}) < SAME_FAILURES:
        return None
    return f"it failed {SAME_FAILURES} times in the same way: {error.message}"


def _cause(trial: Trial) -> str:
    """What failed: the trial, or its whole pack, which was ended once."""
    error = trial.error
    if error is None or error.kind not in SHARED_FAILURES or error.fold in trial.solo_folds:
        return trial.spec.trial_id
    return trial.pack_id or trial.spec.trial_id
