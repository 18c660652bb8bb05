"""Temperature scaling of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["apply_temperature", "fit_temperature"]

SMALLEST_PROBABILITY = 1e-15
LOWEST, HIGHEST = 0.2, 5.0
MAX_STEPS = 50
PRECISION = 1e-6


def apply_temperature(
    probabilities: NDArray[np.float64], temperature: float
) -> NDArray[np.float64]:
    """Raises probabilities ``(n_rows, n_classes)`` to the power ``1 / temperature``, normalised.

    The order of classes within a row does not change. Above 1, confidence falls; below 1, it rises.
    """
    return _softmax(_logs(probabilities) / temperature)


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
        shares = _softmax(logs * inverse)
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


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
