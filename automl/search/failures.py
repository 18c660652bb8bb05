"""When a family has failed in the same way once too often."""

from __future__ import annotations

from collections.abc import Sequence

from automl.search.ledger import Trial
from automl.trial.spec import TrialError, TrialState

__all__ = ["OUT_OF_MEMORY", "SAME_FAILURES", "cause_to_stop"]

SAME_FAILURES = 3
OUT_OF_MEMORY = frozenset({"oom", "cuda_oom", "memory"})
BY_SIZE = frozenset({"oom", "cuda_oom"})  # other params of the family may take less


def cause_to_stop(failed: Trial, trials: Sequence[Trial]) -> str | None:
    """Says why a family gets no more trials, when it has failed three times in the same way.

    Out of memory is one way, whatever the numbers, and stops a family only as long as no trial
    of it has been complete.

    Args:
        failed: The trial that has failed now.
        trials: All trials of its family.
    """
    error = failed.error
    able = any(t.state is TrialState.COMPLETE for t in trials)
    if error is None or (error.kind in BY_SIZE and able):
        return None
    ways = [_way(t.error) for t in trials if t.state is TrialState.FAILED and t.error]
    if ways.count(_way(error)) < SAME_FAILURES:
        return None
    return f"it failed {SAME_FAILURES} times in the same way: {error.message}"


def _way(error: TrialError) -> str:
    """What makes two failures the same."""
    return error.kind if error.kind in BY_SIZE else error.message
