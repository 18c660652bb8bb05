"""Metrics: name, direction, inputs and function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl.plugin.task import Task

__all__ = [
    "Metric",
    "MetricFunction",
    "NoScoreError",
    "Optimum",
    "UndefinedReason",
    "pinball_losses",
]

MetricFunction = Callable[..., float]
"""``(y_true, prediction, weight or None) -> score``; the levels come last in a quantile task."""

Optimum = Literal["mean", "median"]
"""Statistic of the target that is the best constant prediction."""

UndefinedReason = Callable[..., str]
"""``(y_true, weight or None) -> reason`` why these rows have no score; "" if they have one."""


class NoScoreError(ValueError):
    """Raised by a metric's function if it is undefined for these rows; the text is the reason.

    Example:
        >>> def ratio(y_true, prediction, weight):
        ...     if not y_true.any():
        ...         raise NoScoreError("all targets are 0")
        ...     return prediction.sum() / y_true.sum()
        >>> bounds, tasks = (0.0, np.inf), frozenset({Task.REGRESSION})
        >>> Metric("ratio", True, "values", bounds, tasks, ratio).evaluate(np.zeros(2), np.ones(2))
        (nan, 'all targets are 0')
    """


def pinball_losses(
    y_true: NDArray[Any], prediction: NDArray[Any], levels: Sequence[float]
) -> NDArray[np.float64]:
    """Pinball loss of each row, averaged over the levels (Koenker & Bassett, 1978, eq. 2.1).

    A value above the predicted quantile of level q costs q times its distance, one below it 1 - q
    times. For the median this is half the absolute error.

    Args:
        y_true: Values ``(n_rows,)``.
        prediction: Quantiles ``(n_rows, n_levels)``, or ``(n_rows,)`` for a single level.
        levels: The levels, between 0 and 1.

    Returns:
        Losses ``(n_rows,)``.

    Example:
        >>> pinball_losses(np.array([3.0, 1.0]), np.array([2.0, 2.0]), (0.75,)).tolist()
        [0.75, 0.25]
    """
    shares = np.asarray(levels)
    columns = prediction[:, np.newaxis] if prediction.ndim == 1 else prediction
    above = y_true[:, np.newaxis] - columns
    return np.asarray(np.maximum(shares * above, (shares - 1) * above).mean(axis=1))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that scores predictions.

    Attributes:
        name: Name in the configuration, such as ``roc_auc``. If an offset is subtracted from the
            targets that families see, the name of a metric that depends on more than the errors
            includes it (``mape@1000000000.0``), so that no library computes the plain metric.
        greater_is_better: Whether a greater score is better.
        needs: Second argument of ``function``: ``probabilities`` of shape
            ``(n_rows, n_classes)``, ``labels`` of shape ``(n_rows,)`` (class indices), or
            ``values`` of shape ``(n_rows,)`` (regression) or ``(n_rows, n_levels)`` (quantile).
        bounds: Lowest and highest possible score.
        tasks: Tasks that it is defined for.
        function: ``(y_true, prediction, weight or None) -> score``. ``y_true`` holds class
            indices ``0 .. n_classes - 1`` (int64) or values (float64), shape ``(n_rows,)``.
            In a quantile task the levels are a fourth argument. If undefined, it raises
            ``NoScoreError`` or returns NaN.
        quantiles: Levels of a quantile task, set when the metric is looked up for one.
        is_ranking: Whether it depends on the order of all predictions, so that predictions of
            different models should not be scored together. It is undefined if all rows have the
            same target.
        optimum: For metrics of values, the statistic of the target that is the best constant
            prediction, or the closer one. Families choose their loss by it: ``mean`` for squared,
            ``median`` for absolute errors. (In a quantile task the levels decide.)
        undefined: ``(y_true, weight or None) -> reason`` why the metric is undefined for these
            rows whatever the prediction; "" if it is defined. Called with rows of weight above 0.

    Example:
        >>> def mean_error(y_true, prediction, weight):
        ...     return np.average(abs(y_true - prediction), weights=weight)
        >>> bounds, tasks = (0.0, np.inf), frozenset({Task.REGRESSION})
        >>> metric = Metric("mean_error", False, "values", bounds, tasks, mean_error)
        >>> metric.score(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        1.0
    """

    name: str
    greater_is_better: bool
    needs: Literal["probabilities", "labels", "values"]
    bounds: tuple[float, float]
    tasks: frozenset[Task]
    function: MetricFunction
    quantiles: tuple[float, ...] = ()
    is_ranking: bool = False
    undefined: UndefinedReason | None = None
    optimum: Optimum = "mean"

    def undefined_reason(
        self, y_true: NDArray[Any], weight: NDArray[np.float64] | None = None
    ) -> str:
        """Returns why these rows have no score whatever the prediction; "" if they have one.

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
        if not reason and self.is_ranking and (y_true == y_true[0]).all():
            return f"{_all_rows(len(y_true))} the same target, so there is no order to score"
        return reason

    def evaluate(
        self,
        y_true: NDArray[Any],
        prediction: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
    ) -> tuple[float, str]:
        """Returns the score and, if there is none, the reason.

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
        """Returns the score of a fitted model's predictions, in the metric's own direction.

        Args:
            y_true: Class indices or values, shape ``(n_rows,)``.
            prediction: Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles
                ``(n_rows, n_levels)``.
            weight: Weight of each row, shape ``(n_rows,)``.

        Returns:
            The score; NaN if there is none (``evaluate`` has the reason).
        """
        return self.evaluate(y_true, prediction, weight)[0]

    def score_labels(
        self,
        y_true: NDArray[Any],
        labels: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
    ) -> float:
        """Scores class indices ``(n_rows,)`` by a metric of labels; NaN if there is no score."""
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
        """Scores out-of-fold predictions: a ranking metric as the mean over folds, others jointly.

        The confidence of the models differs between folds, which one order of all rows would
        count as errors. Folds are weighted by their rows or the rows' weights; folds without a
        score are omitted. If no fold has a score, all rows are scored together.

        Args:
            y_true: Class indices or values, ``(n_rows,)``.
            prediction: As for ``score``.
            fold: Fold number of each row, ``(n_rows,)``; None scores all rows together.
            weight: Weight of each row, ``(n_rows,)``.

        Returns:
            The score; NaN if there is none.
        """
        if not self.is_ranking or fold is None:
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
        """Converts a score to a loss, for which lower is better."""
        return -score if self.greater_is_better else score

    def is_better(self, score: float, than: float) -> bool:
        """Whether ``score`` is better than ``than``; NaN (no score) never is."""
        return self.loss(score) < self.loss(than)


def _all_rows(n_rows: int) -> str:
    return "the only row has" if n_rows == 1 else f"all {n_rows:,} rows have"
