"""Reasons why a metric is undefined for some rows, whatever their prediction.

Every function takes ``(y_true, weight)`` of one or more rows of positive weight, and returns the
reason as text, or "" if the metric is defined. If only a prediction is degenerate, such as the
precision of a model that never predicts class 1, the metric is defined: see its function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.metrics.averages import Weight

__all__ = [
    "has_no_logarithm",
    "has_no_spread",
    "has_zeros",
    "is_all_zero",
    "is_one_class",
    "lacks_class_1",
]


def is_one_class(y_true: NDArray[Any], weight: Weight = None) -> str:
    """All rows have the same class, so any agreement is by chance."""
    return f"{_all(y_true)} of one class" if (y_true == y_true[0]).all() else ""


def lacks_class_1(y_true: NDArray[Any], weight: Weight = None) -> str:
    """No row has class 1, so there are no positives to find."""
    return "" if (y_true == 1).any() else f"{_all(y_true)} of the first class, none of the second"


def has_no_spread(y_true: NDArray[Any], weight: Weight = None) -> str:
    """The target is constant, so there is no variance to explain."""
    if y_true.min() != y_true.max():
        return ""
    if len(y_true) == 1:
        return "one row has no variance"
    return f"the target is {y_true[0]:g} in {_of_all(y_true)}: it has no variance"


def has_zeros(y_true: NDArray[Any], weight: Weight = None) -> str:
    """The target is 0 in some rows, so relative errors are undefined there."""
    n_zeros = len(y_true) - np.count_nonzero(y_true)
    return f"the target is 0 in {n_zeros:,} of {len(y_true):,} rows" if n_zeros else ""


def is_all_zero(y_true: NDArray[Any], weight: Weight = None) -> str:
    """The target is 0 in all rows, so relative errors are undefined."""
    return "" if y_true.any() else f"the target is 0 in {_of_all(y_true)}"


def has_no_logarithm(y_true: NDArray[Any], weight: Weight = None) -> str:
    """A target is -1 or below, so ``log(1 + y)`` is undefined."""
    lowest = float(np.min(y_true))
    return "" if lowest > -1 else f"it needs targets above -1, and the lowest is {lowest:g}"


def _all(y_true: NDArray[Any]) -> str:
    return f"{_of_all(y_true)} {'is' if len(y_true) == 1 else 'are'}"


def _of_all(y_true: NDArray[Any]) -> str:
    return "the only row" if len(y_true) == 1 else f"all {len(y_true):,} rows"
