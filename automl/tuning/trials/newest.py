"""With rows in order of time: which models predict, and what a fit on the newest rows takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from automl.data.split.choose import SplitPlan
from automl.trial.spec import FoldResult

__all__ = ["expected_newest_s", "in_order_of_fits", "is_by_time", "predicting_folds"]


def is_by_time(plan: SplitPlan) -> bool:
    """Whether training rows lie before validation rows: then the newest rows tell most."""
    return plan.kind == "time"


def in_order_of_fits(plan: SplitPlan) -> tuple[int, ...]:
    """Numbers of all folds in the order in which a trial is fitted on them.

    The first one decides whether the trial goes on, and is what families are compared by. In order
    of time it is the newest fold, whose rows are most like those to come; then the one before.
    """
    folds = tuple(range(plan.n_folds))
    return folds[::-1] if is_by_time(plan) else folds


def predicting_folds(plan: SplitPlan, folds: Iterable[int]) -> tuple[int, ...]:
    """Folds whose models predict new rows while there is no refit, ascending.

    All of them; in order of time the last alone, as the others know nothing of newer rows.

    Args:
        plan: The split plan.
        folds: Numbers of the finished folds.
    """
    finished = tuple(sorted(folds))
    return finished[-1:] if is_by_time(plan) else finished


def expected_newest_s(results: Mapping[int, FoldResult], plan: SplitPlan) -> float:
    """Seconds that a fit on the newest rows is expected to take, by the last fold and its rows.

    Args:
        results: Of the finished folds of a trial.
        plan: The split plan, by time.
    """
    last = max(results)
    n_rows = plan.n_rows if plan.newest is None else len(plan.newest)
    growth = n_rows / max(1, len(plan.divisions[last].train))
    return growth * (results[last].encode_s + results[last].fit_s)
