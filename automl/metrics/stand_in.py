"""What steers a fit, or the search, on rows for which the run's metric has no value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.metrics.classification import accuracy, log_loss
from automl.metrics.regression import mae, pinball
from automl.plugin.metric import Metric, NoScoreError

__all__ = ["steering"]


def steering(metric: Metric) -> Metric:
    """A metric that has a value for any rows, to decide by and never to be shown.

    Where ``metric`` has none, log loss (of probabilities), the error rate (of labels), the mean
    absolute error (of values) or the pinball loss (of quantiles) stands in, in the direction of
    ``metric``. Such numbers compare predictions of the same rows with one another and with
    nothing else: a fit can still stop early on a fold that holds a single class.
    """
    return replace(metric, function=_StandIn(metric), undefined=None, ranks=False)


@dataclass(frozen=True, slots=True)
class _StandIn:
    """The function of such a metric.

    Attributes:
        metric: The run's metric.
    """

    metric: Metric

    def __call__(
        self,
        y_true: NDArray[Any],
        shown: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
        quantiles: tuple[float, ...] = (),
    ) -> float:
        """Scores by the metric where it has a value, else by what stands in for it."""
        if not self.metric.undefined_reason(y_true, weight):
            levels = (quantiles,) if quantiles else ()
            try:
                score = float(self.metric.function(y_true, shown, weight, *levels))
            except NoScoreError:
                score = math.nan
            if math.isfinite(score):
                return score
        loss = self._loss(y_true, shown, weight, quantiles)
        return -loss if self.metric.greater_is_better else loss

    def _loss(
        self,
        y_true: NDArray[Any],
        shown: NDArray[Any],
        weight: NDArray[np.float64] | None,
        quantiles: tuple[float, ...],
    ) -> float:
        if self.metric.needs == "probabilities":
            return log_loss(y_true, shown, weight)
        if self.metric.needs == "labels":
            return 1 - accuracy(y_true, shown, weight)
        if quantiles:
            return pinball(y_true, shown, weight, quantiles)
        return mae(y_true, shown, weight)
