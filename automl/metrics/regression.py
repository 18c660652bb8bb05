"""Metrics of predicted values, in numpy alone: they are computed often.

Every function takes ``(y_true, prediction, weight)``: values ``(n_rows,)`` twice, then row weights
``(n_rows,)`` or None. Values are scikit-learn's where those are defined; the docstrings say what is
given where they are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import DataError

__all__ = ["mae", "mape", "medae", "mse", "pinball", "r2", "rmse", "rmsle"]

Weight = NDArray[np.float64] | None

LOWEST_BELOW_LOG = -1 + 1e-6


def mse(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean of the squared errors."""
    return _mean((y_true - prediction) ** 2, weight)


def rmse(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Root of the mean of the squared errors, in the unit of the target."""
    return float(np.sqrt(mse(y_true, prediction, weight)))


def mae(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean of the absolute errors, in the unit of the target."""
    return _mean(np.abs(y_true - prediction), weight)


def r2(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Share of the target's variance that is explained.

    Where the target is constant: 1.0 for a perfect prediction, 0.0 for any other.
    """
    error = _mean((y_true - prediction) ** 2, weight)
    spread = _mean((y_true - _mean(y_true, weight)) ** 2, weight)
    if spread <= 0:
        return 1.0 if error == 0 else 0.0
    return 1 - error / spread


def mape(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean of the absolute errors as shares of the target: 0.1 is 10 %. Huge where it is 0."""
    smallest = np.finfo(np.float64).eps
    return _mean(np.abs(y_true - prediction) / np.maximum(np.abs(y_true), smallest), weight)


def medae(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Median of the absolute errors, in the unit of the target.

    With weights the mean of the lower and the upper weighted median.
    """
    error = np.abs(y_true - prediction).astype(np.float64)
    if not error.size:
        return 0.0
    if weight is None:
        return float(np.median(error))
    lower = _weighted_lower_median(error, weight)
    return float((lower - _weighted_lower_median(-error, weight)) / 2)


def rmsle(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Root of the mean squared error of ``log(1 + value)``.

    Predictions at or below -1 have no logarithm; they count as just above it.

    Raises:
        DataError: A target is -1 or below.
    """
    if y_true.size and y_true.min() <= -1:
        raise DataError(
            f"metric rmsle needs targets above -1; the lowest is {y_true.min():g}: use rmse or mae"
        )
    logs = np.log1p(np.maximum(prediction, LOWEST_BELOW_LOG))
    return float(np.sqrt(_mean((np.log1p(y_true) - logs) ** 2, weight)))


def pinball(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Pinball loss of the median: half the mean of the absolute errors."""
    return mae(y_true, prediction, weight) / 2


def _weighted_lower_median(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Smallest value at which at least half of the weight lies at or below it."""
    order = np.argsort(values)
    mass = np.cumsum(weight[order])
    # A cumulative sum that reaches one half up to rounding has reached it.
    half = mass[-1] / 2 * (1 - 1e-12)
    return float(values[order[np.searchsorted(mass, half)]])


def _mean(values: NDArray[Any], weight: Weight) -> float:
    if not values.size:
        return 0.0
    return float(values.mean() if weight is None else weight @ values / weight.sum())
