"""Metrics of predicted numbers, in plain numpy for speed.

Every function takes ``(y_true, prediction, weight)``: values ``(n_rows,)`` twice, then row weights
``(n_rows,)`` or None. Values equal scikit-learn's where those are defined; the docstrings give the
value where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import DataError
from automl.metrics.averages import Weight, mean, ratio
from automl.plugin.metric import pinball_losses

__all__ = ["mae", "mape", "medae", "mse", "pinball", "r2", "rmse", "rmsle", "smape"]

LOWEST_BELOW_LOG = -1 + 1e-6


def mse(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean squared error."""
    return mean((y_true - prediction) ** 2, weight)


def rmse(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Root mean squared error, in the unit of the target."""
    return float(np.sqrt(mse(y_true, prediction, weight)))


def mae(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean absolute error, in the unit of the target."""
    return mean(np.abs(y_true - prediction), weight)


def r2(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Coefficient of determination: the explained share of the target's variance.

    For a constant target: 1.0 for a perfect prediction, 0.0 for any other.
    """
    error = mean((y_true - prediction) ** 2, weight)
    spread = mean((y_true - mean(y_true, weight)) ** 2, weight)
    # A constant may differ from its mean in the last bit.
    if not y_true.size or y_true.min() == y_true.max() or spread <= 0:
        return 1.0 if error == 0 else 0.0
    return 1 - error / spread


def mape(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean absolute error relative to the target: 0.1 is 10 %.

    Rows with a target of 0 are skipped; scikit-learn divides by 2e-16 there, so that one such row
    outweighs all others. 0.0 if no row is left.
    """
    counts = y_true != 0
    if not counts.all():
        y_true, prediction = y_true[counts], prediction[counts]
        weight = None if weight is None else weight[counts]
    return mean(np.abs(y_true - prediction) / np.abs(y_true), weight)


def smape(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean absolute error relative to the mean of abs(truth) and abs(prediction), 0 to 2."""
    size = (np.abs(y_true) + np.abs(prediction)) / 2
    return mean(ratio(np.abs(y_true - prediction), size), weight)


def medae(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Median absolute error, in the unit of the target.

    With weights, the mean of the lower and the upper weighted median.
    """
    error = np.abs(y_true - prediction).astype(np.float64)
    if not error.size or (weight is not None and weight.sum() <= 0):
        return 0.0
    if weight is None:
        return float(np.median(error))
    lower = _weighted_lower_median(error, weight)
    return float((lower - _weighted_lower_median(-error, weight)) / 2)


def rmsle(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Root mean squared error of ``log(1 + value)``.

    Predictions at or below -1, which have no logarithm, are clipped just above it.

    Raises:
        DataError: A target is -1 or below.
    """
    if y_true.size and y_true.min() <= -1:
        raise DataError(
            f"metric rmsle needs targets above -1; the lowest is {y_true.min():g}: use rmse or mae"
        )
    logs = np.log1p(np.maximum(prediction, LOWEST_BELOW_LOG))
    return float(np.sqrt(mean((np.log1p(y_true) - logs) ** 2, weight)))


def pinball(
    y_true: NDArray[Any],
    prediction: NDArray[Any],
    weight: Weight = None,
    quantiles: Sequence[float] = (0.5,),
) -> float:
    """Mean of ``pinball_losses`` over rows ``(n_rows,)``, with their weights."""
    return mean(pinball_losses(y_true, prediction, quantiles), weight)


def _weighted_lower_median(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Smallest value with at least half of the weight at or below it."""
    order = np.argsort(values)
    mass = np.cumsum(weight[order])
    # Tolerates rounding in the cumulative sum.
    half = mass[-1] / 2 * (1 - 1e-12)
    return float(values[order[np.searchsorted(mass, half)]])
