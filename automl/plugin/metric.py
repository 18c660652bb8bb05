"""A metric as a value: its name, its direction, and what it needs to be computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl.plugin.task import Task

__all__ = ["Metric", "MetricFunction", "NoScoreError", "Optimum", "UndefinedReason"]

MetricFunction = Callable[..., float]
"""``(y_true, prediction, weight or None) -> score``, and with levels for a quantile task."""

Optimum = Literal["mean", "median"]
"""The best constant prediction: a statistic of the target."""

UndefinedReason = Callable[..., str]
"""``(y_true, weight or None) -> why these rows have no score``, "" where they have one."""


class NoScoreError(ValueError):
    """Raised by a metric's function that has no value for these rows; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Compares predictions with the truth.

    Attributes:
        name: As in the configuration, such as ``roc_auc``. Where families are shown targets less
            an offset, a metric that depends on more than the errors has it in its name
            (``mape@1000000000.0``): what a library computes of such targets by the plain name is
            another score.
        greater_is_better: The direction.
        needs: What ``function`` takes as its second argument: ``probabilities`` of shape
            ``(n_rows, n_classes)``, ``labels`` of shape ``(n_rows,)`` (class indices), or
            ``values`` of shape ``(n_rows,)`` (regression) or ``(n_rows, n_levels)`` (quantile).
        bounds: The lowest and the highest score there can be.
        tasks: The tasks it is defined for.
        function: ``(y_true, prediction, weight or None) -> score``. ``y_true`` holds class
            indices ``0 .. n_classes - 1`` (int64) or values (float64), shape ``(n_rows,)``.
            For a quantile task it gets the levels as a fourth argument. Where it has no value it
            raises ``NoScoreError`` or returns NaN.
        quantiles: The levels of a quantile task; whoever looks the metric up for one sets them.
        ranks: Whether it compares rows with one another by the order of their predictions, so that
            predictions by different models should not be scored together. It has no value where
            all rows have the same target.
        optimum: For a metric of values, the statistic of the target that is its best constant
            prediction, or the nearer of the two. A family chooses its loss by it: ``mean`` for
            squared errors, ``median`` for absolute ones. (For a quantile task it is the levels.)
        undefined: ``(y_true, weight or None) -> reason``: why the metric has no value for these
            rows, whatever is predicted; "" where it has one. It gets rows that have a weight.
    """

    name: str
    greater_is_better: bool
    needs: Literal["probabilities", "labels", "values"]
    bounds: tuple[float, float]
    tasks: frozenset[Task]
    function: MetricFunction
    quantiles: tuple[float, ...] = ()
    ranks: bool = False
    undefined: UndefinedReason | None = None
    optimum: Optimum = "mean"

    def undefined_reason(
        self, y_true: NDArray[Any], weight: NDArray[np.float64] | None = None
    ) -> str:
        """Why these rows have no score, whatever is predicted for them; "" where they have one.

        Args:
            y_true: Class indices or values, ``(n_rows,)``.
            weight: Weight of each row, ``(n_rows,)``.
        """
        if not len(y_true):
            return "there is no row to score"
        if weight is not None and not (counts := weight > 0).all():
            if not counts.any():
                return f"{_all_rows(len(y_true))} weight 0"
            y_true, weight = y_true[counts], weight[counts]
        reason = "" if self.undefined is None else self.undefined(y_true, weight)
        if not reason and self.ranks and (y_true == y_true[0]).all():
            return f"{_all_rows(len(y_true))} the same target, so there is no order to score"
        return reason

    def evaluate(
        self,
        y_true: NDArray[Any],
        prediction: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
    ) -> tuple[float, str]:
        """Scores like ``score``; beside the score the reason why there is none.

        Returns:
            A finite score and "", or NaN and the reason.
        """
        shown = prediction.argmax(axis=1) if self.needs == "labels" else prediction
        return self._evaluate(y_true, shown, weight)

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

        Returns:
            The score; NaN where there is none (``evaluate`` says why).
        """
        return self.evaluate(y_true, prediction, weight)[0]

    def score_labels(
        self,
        y_true: NDArray[Any],
        labels: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
    ) -> float:
        """Scores class indices ``(n_rows,)`` by a metric that needs labels; NaN for no score."""
        return self._evaluate(y_true, labels, weight)[0]

    def _evaluate(
        self, y_true: NDArray[Any], shown: NDArray[Any], weight: NDArray[np.float64] | None
    ) -> tuple[float, str]:
        reason = self.undefined_reason(y_true, weight)
        if reason:
            return math.nan, reason
        if weight is not None and not (counts := weight > 0).all():
            y_true, shown, weight = y_true[counts], shown[counts], weight[counts]
        levels = (self.quantiles,) if self.quantiles else ()
        try:
            score = float(self.function(y_true, shown, weight, *levels))
        except NoScoreError as error:
            return math.nan, str(error)
        if not math.isfinite(score):
            return math.nan, f"{self.name} of these predictions is {score}"
        return score, ""

    def score_folds(
        self,
        y_true: NDArray[Any],
        prediction: NDArray[Any],
        fold: NDArray[np.int64] | None,
        weight: NDArray[np.float64] | None = None,
    ) -> float:
        """Scores out-of-fold predictions: where it ranks, the mean over folds, else all rows.

        Models of different folds are not equally sure of themselves, which an order of all rows
        would count as errors of each. A fold counts by its rows, or by their weight; one without
        a score is left out. Where no fold has a score, all rows are scored together.

        Args:
            y_true: Class indices or values, ``(n_rows,)``.
            prediction: As for ``score``.
            fold: Number of the fold of each row, ``(n_rows,)``; None scores all rows together.
            weight: Weight of each row, ``(n_rows,)``.

        Returns:
            The score; NaN where there is none.
        """
        if not self.ranks or fold is None:
            return self.score(y_true, prediction, weight)
        total, counted = 0.0, 0.0
        for number in np.unique(fold):
            rows = np.flatnonzero(fold == number)
            of_rows = None if weight is None else weight[rows]
            part = self.score(y_true[rows], prediction[rows], of_rows)
            if math.isnan(part):
                continue
            share = float(len(rows)) if of_rows is None else float(of_rows.sum())
            total, counted = total + part * share, counted + share
        return total / counted if counted else self.score(y_true, prediction, weight)

    def loss(self, score: float) -> float:
        """Turns a score into a loss: lower is better whatever the direction of the metric."""
        return -score if self.greater_is_better else score

    def is_better(self, score: float, than: float) -> bool:
        """Whether ``score`` beats ``than``; no score (NaN) beats nothing."""
        return self.loss(score) < self.loss(than)


def _all_rows(n_rows: int) -> str:
    return "the only row has" if n_rows == 1 else f"all {n_rows:,} rows have"
