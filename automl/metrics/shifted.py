"""A metric for targets that are shown less an offset: it scores them as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.metric import Metric

__all__ = ["shifted"]

DIFFERENCES = frozenset({"rmse", "mse", "mae", "medae", "pinball", "r2"})
"""Metrics of errors alone, by name: what a library computes of shifted values is right for them."""


def shifted(metric: Metric, offset: float) -> Metric:
    """The metric for targets and predictions that are less by an offset.

    It adds the offset again. A library that has a metric of the same name would not: one that
    depends on more than the errors gets a name that no library knows, such as
    ``mape@1000000000.0``.

    Args:
        metric: Of the run, of values.
        offset: 0 for none.
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
    """The function of such a metric.

    Attributes:
        metric: Of the targets as they are.
        offset: What these are greater by.
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
        """Scores in double precision, whatever the predictions come in."""
        y_true, shown = (np.asarray(a, dtype=np.float64) + self.offset for a in (y_true, shown))
        return self.metric.function(y_true, shown, weight, *levels)


@dataclass(frozen=True, slots=True)
class _ShiftedReason:
    """Why such a metric has no value.

    Attributes:
        metric: Of the targets as they are, which can say so.
        offset: What these are greater by.
    """

    metric: Metric
    offset: float

    def __call__(self, y_true: NDArray[Any], weight: NDArray[np.float64] | None = None) -> str:
        """The reason, or ""."""
        assert self.metric.undefined is not None
        return self.metric.undefined(y_true + self.offset, weight)
