"""Replaces the run's metric by a loss on rows for which it is undefined, to steer fits."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from automl.metrics.averages import Weight
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
    return replace(metric, function=partial(_score, metric), undefined=None, is_ranking=False)


def _score(
    metric: Metric,
    y_true: NDArray[Any],
    shown: NDArray[Any],
    weight: Weight = None,
    *levels: tuple[float, ...],
) -> float:
    """Scores by the metric if it is defined, otherwise by the fallback."""
    if not metric.undefined_reason(y_true, weight):
        with suppress(NoScoreError):
            score = float(metric.function(y_true, shown, weight, *levels))
            if math.isfinite(score):
                return score
    if metric.needs == "probabilities":
        loss = log_loss(y_true, shown, weight)
    elif metric.needs == "labels":
        loss = 1 - accuracy(y_true, shown, weight)
    else:
        loss = pinball(y_true, shown, weight, *levels) if levels else mae(y_true, shown, weight)
    return -loss if metric.greater_is_better else loss
