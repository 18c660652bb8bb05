"""What is done to a blended prediction before it is given away, and before a label is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.temperature import fit_temperature, with_temperature
from automl.ensemble.thresholds import as_threshold, fit_class_factors, weighed
from automl.plugin.metric import Metric

__all__ = ["NO_CALIBRATION", "Calibration", "learn_calibration"]

MARGIN = 0.05  # of the range of the target, beyond which no value is predicted


@dataclass(frozen=True, slots=True)
class Calibration:
    """Corrections of a blended prediction; as it is made, none.

    Attributes:
        temperature: Probabilities are raised to the power of its inverse; 1 leaves them.
        class_factors: What probabilities are multiplied by where a label is chosen, one a class;
            empty where the most probable class is.
        value_range: The lowest and the highest value that is predicted; None for any.
    """

    temperature: float = 1.0
    class_factors: tuple[float, ...] = ()
    value_range: tuple[float, float] | None = None

    @property
    def threshold(self) -> float | None:
        """The probability of class 1 above which it is chosen; None where none was set."""
        return as_threshold(self.class_factors)

    def correct(self, prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        """The prediction that is given away: probabilities or values of the same shape."""
        if self.value_range is not None:
            return np.clip(prediction, *self.value_range)
        if self.temperature != 1.0:
            return with_temperature(prediction, self.temperature)
        return prediction

    def decide(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Class indices ``(n_rows,)`` of corrected probabilities ``(n_rows, n_classes)``."""
        labels: NDArray[np.int64] = self._weighed(probabilities).argmax(axis=1)
        return labels

    def shown_to(self, metric: Metric, corrected: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a metric scores a corrected prediction by: where it needs labels, those chosen."""
        return self._weighed(corrected) if metric.needs == "labels" else corrected

    def _weighed(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        return weighed(probabilities, self.class_factors) if self.class_factors else probabilities


NO_CALIBRATION = Calibration()
"""Leaves predictions as they are."""


def learn_calibration(
    prediction: NDArray[np.float64],
    y: NDArray[Any],
    metric: Metric,
    weight: NDArray[np.float64] | None = None,
) -> Calibration:
    """Learns the correction that may help by a metric; whether it does is not looked at here.

    Values are kept within the range of the target and 5 % beyond; for a metric of labels the
    classes get factors, for one of probabilities a temperature.

    Args:
        prediction: Of rows that the models did not learn from, ``(n_rows, n_classes)`` or
            ``(n_rows,)``.
        y: Class indices or values, ``(n_rows,)``.
        metric: What is to be good.
        weight: Row weights, ``(n_rows,)``.
    """
    if metric.needs == "values":
        margin = MARGIN * float(np.ptp(y))
        return Calibration(value_range=(float(y.min()) - margin, float(y.max()) + margin))
    if metric.needs == "labels":
        return Calibration(class_factors=fit_class_factors(prediction, y, metric, weight))
    return Calibration(temperature=fit_temperature(prediction, y, weight))
