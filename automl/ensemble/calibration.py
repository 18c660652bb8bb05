"""Calibrates blended predictions: temperature, class factors and range of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.thresholds import apply_class_factors, as_threshold, fit_class_factors
from automl.plugin.metric import Metric

__all__ = [
    "NO_CALIBRATION",
    "Calibration",
    "apply_temperature",
    "fit_calibration",
    "fit_temperature",
    "softmax",
]

SMALLEST_PROBABILITY = 1e-15
LOWEST, HIGHEST = 0.2, 5.0
MAX_STEPS = 50
PRECISION = 1e-6

MARGIN = 0.05  # beyond the range of the target, as a share of it


@dataclass(frozen=True, slots=True)
class Calibration:
    """Corrections of blended predictions; by default none.

    Attributes:
        temperature: Probabilities are raised to the power ``1 / temperature``; 1 for no change.
        class_factors: Factor of each class when a label is chosen; empty to choose the most
            probable class.
        value_range: Lowest and highest predicted value; None for no limits.
    """

    temperature: float = 1.0
    class_factors: tuple[float, ...] = ()
    value_range: tuple[float, float] | None = None

    @property
    def threshold(self) -> float | None:
        """Probability of class 1 above which it is chosen; None without class factors."""
        return as_threshold(self.class_factors)

    def apply(self, prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns calibrated probabilities or values of the same shape."""
        if self.value_range is not None:
            return np.clip(prediction, *self.value_range)
        if self.temperature != 1.0:
            return apply_temperature(prediction, self.temperature)
        return prediction

    def decide(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns class indices ``(n_rows,)`` of calibrated ``(n_rows, n_classes)``."""
        labels: NDArray[np.int64] = self._weighed(probabilities).argmax(axis=1)
        return labels

    def for_metric(self, metric: Metric, corrected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns a calibrated prediction as the metric needs it, with class factors for labels."""
        return self._weighed(corrected) if metric.needs == "labels" else corrected

    def _weighed(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        return (
            apply_class_factors(probabilities, self.class_factors)
            if self.class_factors
            else probabilities
        )


NO_CALIBRATION = Calibration()
"""Does not change predictions."""


def fit_calibration(
    prediction: NDArray[np.float64],
    y: NDArray[Any],
    metric: Metric,
    weight: NDArray[np.float64] | None = None,
) -> Calibration:
    """Fits the calibration for a metric, without checking that it helps.

    Values are limited to the range of the target plus 5 %; a metric of labels gets class factors,
    one of probabilities a temperature.

    Args:
        prediction: Out-of-fold predictions, ``(n_rows, n_classes)`` or ``(n_rows,)``.
        y: Class indices or values, ``(n_rows,)``.
        metric: The metric to improve.
        weight: Row weights, ``(n_rows,)``.
    """
    if metric.needs == "values":
        margin = MARGIN * float(np.ptp(y))
        return Calibration(value_range=(float(y.min()) - margin, float(y.max()) + margin))
    if metric.needs == "labels":
        return Calibration(class_factors=fit_class_factors(prediction, y, metric, weight))
    return Calibration(temperature=fit_temperature(prediction, y, weight))


def apply_temperature(
    probabilities: NDArray[np.float64], temperature: float
) -> NDArray[np.float64]:
    """Raises probabilities ``(n_rows, n_classes)`` to the power ``1 / temperature``, normalised.

    The order of classes within a row does not change. Above 1, confidence falls; below 1, it rises.
    """
    return softmax(_logs(probabilities) / temperature)


def fit_temperature(
    probabilities: NDArray[np.float64],
    y: NDArray[Any],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """Returns the temperature with the lowest log loss (Guo et al., 2017, section 4.2).

    Log loss is convex in the inverse temperature, so it is found by Newton steps, or by bisection
    where a step would leave the bracket within 0.2 to 5.

    Args:
        probabilities: Out-of-fold probabilities, ``(n_rows, n_classes)``.
        y: Class indices, ``(n_rows,)``.
        weight: Row weights, ``(n_rows,)``.
    """
    logs = _logs(probabilities)
    of_truth = logs[np.arange(len(y)), y]
    inverse, lowest, highest = 1.0, 1.0 / HIGHEST, 1.0 / LOWEST
    for _ in range(MAX_STEPS):
        shares = softmax(logs * inverse)
        mean = np.einsum("ij,ij->i", shares, logs)
        variance = np.einsum("ij,ij,ij->i", shares, logs, logs) - mean**2
        slope = float(np.average(mean - of_truth, weights=weight))
        lowest, highest = (inverse, highest) if slope < 0 else (lowest, inverse)
        bend = max(float(np.average(variance, weights=weight)), 1e-12)
        wanted = inverse - slope / bend
        if not lowest <= wanted <= highest:
            wanted = (lowest + highest) / 2
        if abs(wanted - inverse) < PRECISION:
            break
        inverse = wanted
    return 1.0 / inverse


def _logs(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    return logs


def softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the shares of ``exp(logs)`` in each row, ``(n_rows, n_classes)``."""
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
