"""Time plans: the order of fits, the models that predict, and the time of a fit on new rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from automl.data.split.choose import SplitPlan
from automl.trial.spec import FoldResult

__all__ = ["expected_newest_s", "in_order_of_fits", "is_by_time", "predicting_folds"]


def is_by_time(plan: SplitPlan) -> bool:
    """Whether training rows precede validation rows, so that the newest rows are most relevant."""
    return plan.kind == "time"


def in_order_of_fits(plan: SplitPlan) -> tuple[int, ...]:
    """Numbers of all folds in the order in which a trial is fitted on them.

    The first one decides whether the trial continues, and families are compared by it. With a time
    plan it is the newest fold, whose rows are most like those to come; then the one before.
    """
    folds = tuple(range(plan.n_folds))
    return folds[::-1] if is_by_time(plan) else folds


def predicting_folds(plan: SplitPlan, folds: Iterable[int]) -> tuple[int, ...]:
    """Folds whose models predict new rows while there is no refit, ascending.

    All of them; with a time plan only the last, as the others have not seen newer rows.

    Args:
        plan: The split plan.
        folds: Numbers of the finished folds.
    """
    finished = tuple(sorted(folds))
    return finished[-1:] if is_by_time(plan) else finished


def expected_newest_s(results: Mapping[int, FoldResult], plan: SplitPlan) -> float:
    """Expected seconds of a fit on the newest rows, scaled from the last fold by its rows.

    Args:
        results: Results of the finished folds of a trial.
        plan: The split plan, by time.
    """
    last = max(results)
    n_rows = plan.n_rows if plan.newest is None else len(plan.newest)
    growth = n_rows / max(1, len(plan.splits[last].train))
    return growth * (results[last].encode_s + results[last].fit_s)
