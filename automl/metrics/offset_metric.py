"""Scores targets from which an offset was subtracted, on their original scale."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.metrics.averages import Weight
from automl.plugin.metric import Metric, MetricFunction, UndefinedReason

__all__ = ["shifted"]

DIFFERENCES = frozenset({"rmse", "mse", "mae", "medae", "pinball", "r2"})
"""Names of metrics that depend only on errors: libraries compute them right on shifted values."""


def shifted(metric: Metric, offset: float) -> Metric:
    """Returns the metric for targets and predictions from which an offset was subtracted.

    It adds the offset before scoring. A library with a metric of the same name would not, so a
    metric that depends on more than errors gets a name that no library knows, such as
    ``mape@1000000000.0``.

    Args:
        metric: A metric of values.
        offset: The offset; 0 for none.
    """
    if not offset:
        return metric
    undefined = metric.undefined
    return replace(
        metric,
        name=metric.name if metric.name in DIFFERENCES else f"{metric.name}@{offset!r}",
        function=partial(_score, metric.function, offset),
        undefined=None if undefined is None else partial(_reason, undefined, offset),
    )


def _score(
    function: MetricFunction,
    offset: float,
    y_true: NDArray[Any],
    shown: NDArray[Any],
    weight: Weight = None,
    *levels: tuple[float, ...],
) -> float:
    """Scores in float64, whatever the dtype of the predictions."""
    y_true, shown = (np.asarray(a, dtype=np.float64) + offset for a in (y_true, shown))
    return function(y_true, shown, weight, *levels)


def _reason(
    undefined: UndefinedReason, offset: float, y_true: NDArray[Any], weight: Weight = None
) -> str:
    """Returns why rows have no score on the original scale, or ""."""
    return undefined(y_true + offset, weight)
