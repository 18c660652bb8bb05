"""A metric as a value: its name, its direction, and what it needs to be computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl.plugin.task import Task

__all__ = ["Metric", "MetricFunction"]

MetricFunction = Callable[..., float]
"""``(y_true, prediction, weight or None) -> score``, and with levels for a quantile task."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Compares predictions with the truth.

    Attributes:
        name: As in the configuration, such as ``roc_auc``.
        greater_is_better: The direction.
        needs: What ``function`` takes as its second argument: ``probabilities`` of shape
            ``(n_rows, n_classes)``, ``labels`` of shape ``(n_rows,)`` (class indices), or
            ``values`` of shape ``(n_rows,)`` (regression) or ``(n_rows, n_levels)`` (quantile).
        bounds: The lowest and the highest score there can be.
        tasks: The tasks it is defined for.
        function: ``(y_true, prediction, weight or None) -> score``. ``y_true`` holds class
            indices ``0 .. n_classes - 1`` (int64) or values (float64), shape ``(n_rows,)``.
            For a quantile task it gets the levels as a fourth argument.
        quantiles: The levels of a quantile task; whoever looks the metric up for one sets them.
        ranks: Whether it compares rows with one another by the order of their predictions, so that
            predictions by different models should not be scored together.
    """

    name: str
    greater_is_better: bool
    needs: Literal["probabilities", "labels", "values"]
    bounds: tuple[float, float]
    tasks: frozenset[Task]
    function: MetricFunction
    quantiles: tuple[float, ...] = ()
    ranks: bool = False

    def score(
        self,
        y_true: NDArray[Any],
        prediction: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
    ) -> float:
        """Scores what a fitted model's ``predict`` returns, in the metric's own direction.

        Args:
            y_true: Class indices or values, shape ``(n_rows,)``.
            prediction: Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles
                ``(n_rows, n_levels)``.
            weight: Weight of each row, shape ``(n_rows,)``.
        """
        if self.needs == "labels":
            prediction = prediction.argmax(axis=1)
        levels = (self.quantiles,) if self.quantiles else ()
        return float(self.function(y_true, prediction, weight, *levels))

    def score_folds(
        self,
        y_true: NDArray[Any],
        prediction: NDArray[Any],
        fold: NDArray[np.int64] | None,
        weight: NDArray[np.float64] | None = None,
    ) -> float:
        """Scores out-of-fold predictions: where it ranks, the mean over folds, else all rows.

        Models of different folds are not equally sure of themselves, which an order of all rows
        would count as errors of each. Folds in which all rows have the same target are left out.

        Args:
            y_true: Class indices or values, ``(n_rows,)``.
            prediction: As for ``score``.
            fold: Number of the fold of each row, ``(n_rows,)``; None scores all rows together.
            weight: Weight of each row, ``(n_rows,)``.
        """
        if not self.ranks or fold is None:
            return self.score(y_true, prediction, weight)
        total, n_scored = 0.0, 0
        for number in np.unique(fold):
            rows = np.flatnonzero(fold == number)
            y = y_true[rows]
            if (y == y[0]).all():
                continue
            part = self.score(y, prediction[rows], None if weight is None else weight[rows])
            total, n_scored = total + part * len(rows), n_scored + len(rows)
        return total / n_scored if n_scored else self.score(y_true, prediction, weight)

    def loss(self, score: float) -> float:
        """Turns a score into a loss: lower is better whatever the direction of the metric."""
        return -score if self.greater_is_better else score

    def is_better(self, score: float, than: float) -> bool:
        """Whether ``score`` beats ``than``."""
        return self.loss(score) < self.loss(than)
