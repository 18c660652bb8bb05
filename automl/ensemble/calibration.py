"""Calibrates blended predictions: temperature, class factors and range of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.temperature import apply_temperature, fit_temperature
from automl.ensemble.thresholds import apply_class_factors, as_threshold, fit_class_factors
from automl.plugin.metric import Metric

__all__ = ["NO_CALIBRATION", "Calibration", "fit_calibration"]

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
