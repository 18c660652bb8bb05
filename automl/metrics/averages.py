"""Weighted means that are defined where there is nothing to average: what metrics are made of."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Weight", "mean", "ratio"]

Weight: TypeAlias = "NDArray[np.float64] | None"
"""Weight of each row, ``(n_rows,)``, or None where all count the same."""


def mean(values: NDArray[Any], weight: Weight) -> float:
    """Mean of the rows; 0.0 where there are none, or none has a weight."""
    if not values.size:
        return 0.0
    if weight is None:
        return float(values.mean())
    total = weight.sum()
    return float(weight @ values / total) if total > 0 else 0.0


def ratio(above: Any, below: Any) -> NDArray[np.float64]:
    """Quotient of arrays of one shape (or of none), 0 where the divisor is not positive."""
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    quotient: NDArray[np.float64] = np.zeros(below.shape)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
