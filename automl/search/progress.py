"""How a search stands, as the event that watchers draw their display from."""

from __future__ import annotations

from collections.abc import Iterable

from automl.search.budget import Budget
from automl.search.events import Progress
from automl.search.ledger import Ledger
from automl.search.standing import Standing
from automl.trial.spec import TrialState

__all__ = ["progress_of"]


def progress_of(
    ledger: Ledger, standing: Standing, budget: Budget, families: Iterable[str], stage: str
) -> Progress:
    """The state of all trials and of the ensemble at this moment."""
    best, current = ledger.best(), standing.current
    live = ledger.in_state(TrialState.RUNNING)
    return Progress(
        elapsed_s=budget.elapsed_s,
        time_left_s=budget.time_left_s,
        stage=stage,
        families=ledger.counts(families),
        running=tuple(f"{t.spec.trial_id}/fold-{f}" for t in live for f in sorted(t.running)),
        best_trial=best.spec.trial_id if best else None,
        best_score=best.score if best else None,
        ensemble_score=current.score if current else None,
    )
