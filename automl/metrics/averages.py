"""Weighted means and ratios that are defined for empty input, for use in metrics."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Weight", "mean", "ratio"]

Weight: TypeAlias = "NDArray[np.float64] | None"
"""Weight of each row, ``(n_rows,)``, or None for equal weights."""


def mean(values: NDArray[Any], weight: Weight) -> float:
    """Weighted mean of the rows; 0.0 if there are none, or the weights sum to 0."""
    if not values.size:
        return 0.0
    if weight is None:
        return float(values.mean())
    total = weight.sum()
    return float(weight @ values / total) if total > 0 else 0.0


def ratio(above: Any, below: Any) -> NDArray[np.float64]:
    """Quotient of arrays of the same shape, or of scalars; 0 where the divisor is not positive."""
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    quotient: NDArray[np.float64] = np.zeros(below.shape)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
