"""Replaces the run's metric by a loss on rows for which it is undefined, to steer fits."""

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
    """Returns a metric that is defined for any rows, for decisions only, never to be shown.

    Where ``metric`` is undefined, it returns log loss (probabilities), error rate (labels), mean
    absolute error (values) or pinball loss (quantiles), in the direction of ``metric``. Such
    values are comparable only between predictions of the same rows; with them a fit can stop
    early on a fold that has a single class.
    """
    return replace(metric, function=_StandIn(metric), undefined=None, is_ranking=False)


@dataclass(frozen=True, slots=True)
class _StandIn:
    """The function of a metric with a fallback.

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
        """Scores by the metric if it is defined, otherwise by the fallback."""
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
