"""Scores targets from which an offset was subtracted, on their original scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.metric import Metric

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
    is_of_errors = metric.name in DIFFERENCES
    return replace(
        metric,
        name=metric.name if is_of_errors else f"{metric.name}@{offset!r}",
        function=_Shifted(metric, offset),
        undefined=None if metric.undefined is None else _ShiftedReason(metric, offset),
    )


@dataclass(frozen=True, slots=True)
class _Shifted:
    """The function of a shifted metric.

    Attributes:
        metric: The metric on the original scale.
        offset: Added to targets and predictions.
    """

    metric: Metric
    offset: float

    def __call__(
        self,
        y_true: NDArray[Any],
        shown: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
        *levels: tuple[float, ...],
    ) -> float:
        """Scores in float64, whatever the dtype of the predictions."""
        y_true, shown = (np.asarray(a, dtype=np.float64) + self.offset for a in (y_true, shown))
        return self.metric.function(y_true, shown, weight, *levels)


@dataclass(frozen=True, slots=True)
class _ShiftedReason:
    """The ``undefined`` function of a shifted metric.

    Attributes:
        metric: The metric on the original scale, which has such a function.
        offset: Added to the targets.
    """

    metric: Metric
    offset: float

    def __call__(self, y_true: NDArray[Any], weight: NDArray[np.float64] | None = None) -> str:
        """The reason, or ""."""
        assert self.metric.undefined is not None
        return self.metric.undefined(y_true + self.offset, weight)
