"""Rows as predictions of them are judged: once each, or once in each repeat of the folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import SplitPlan
from automl.data.table import Dataset
from automl.plugin.metric import Metric

__all__ = ["JudgedRows", "judged_rows"]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRows:
    """What predictions are compared with, ``(n_judged,)`` each.

    A metric that ranks compares the order of predictions, and a mean over repeats is no order of
    one model: a model of another repeat has learnt from rows of the same fold, and with whole
    groups as folds that costs up to .02 of ROC AUC at 150 rows. So such a metric judges each
    repeat by itself, and a score is the mean over the repeats. The rows of a repeat follow those
    of the repeat before. Other metrics judge the mean over the repeats of each row.

    Attributes:
        y: Class indices or values.
        fold: Number of the fold; no two repeats share one; -1 for rows that are not validated.
        weight: Row weights, or None.
        group: Rows of a group stay together; None where each row is by itself.
        repeat: Number of the repeat, ascending; None where rows are judged once.
    """

    y: NDArray[Any]
    fold: NDArray[np.int64]
    weight: NDArray[np.float64] | None
    group: NDArray[np.int64] | None
    repeat: NDArray[np.int64] | None = None


def judged_rows(plan: SplitPlan, dataset: Dataset, metric: Metric) -> JudgedRows:
    """The rows of a run as its metric judges them."""
    weight, group, n_repeats = dataset.weight, dataset.group, len(plan.repeats)
    if not metric.ranks or n_repeats < 2:
        return JudgedRows(dataset.y, plan.fold_of_row, weight, group)
    fold = np.full((n_repeats, plan.n_rows), -1, dtype=np.int64)
    for repeat, numbers in enumerate(plan.repeats):
        for number in numbers:
            fold[repeat, plan.divisions[number].valid] = number
    return JudgedRows(
        y=np.tile(dataset.y, n_repeats),
        fold=fold.ravel(),
        weight=None if weight is None else np.tile(weight, n_repeats),
        # A row is one draw, however often it is predicted.
        group=np.tile(np.arange(plan.n_rows) if group is None else group, n_repeats),
        repeat=np.repeat(np.arange(n_repeats), plan.n_rows),
    )
