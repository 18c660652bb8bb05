"""Reports ended trials to their studies, and decides whether a family gets more trials."""

from __future__ import annotations

from collections.abc import Sequence

from automl.config.schema import LimitsConfig
from automl.search.ledger import Ledger, Trial
from automl.search.study import FamilyStudy
from automl.trial.spec import TrialState

__all__ = ["repeated_failure", "tell"]

SAME_FAILURES = 3
OUT_OF_MEMORY = frozenset({"oom", "cuda_oom", "memory"})


def tell(study: FamilyStudy, trial: Trial, ledger: Ledger, limits: LimitsConfig) -> None:
    """Tells a study of a trial that is over."""
    if trial.state is TrialState.COMPLETE and trial.score is not None:
        study.tell_complete(trial.spec, ledger.losses(trial), trial.cost.excesses(limits))
    elif trial.state is TrialState.PRUNED:
        study.tell_pruned(trial.spec)
    elif trial.error is not None and trial.error.kind in OUT_OF_MEMORY:
        study.tell_out_of_memory(trial.spec)
    else:
        study.tell_failed(trial.spec)


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
