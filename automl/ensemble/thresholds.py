"""Class factors for choosing labels, fitted to a metric of labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.metric import Metric

__all__ = ["apply_class_factors", "as_threshold", "fit_class_factors"]

COARSE = 51
FINE = 19
ROWS_OF_DOUBT = 20
LOG_FACTORS = np.linspace(-2.0, 2.0, 17)
ROUNDS = 2
MAX_ROWS, MIN_ROWS = 20_000, 2_000


def apply_class_factors(
    probabilities: NDArray[np.float64], factors: tuple[float, ...]
) -> NDArray[np.float64]:
    """Multiplies probabilities ``(n_rows, n_classes)`` by class factors and normalises them."""
    shares = probabilities * np.asarray(factors)
    total = shares.sum(axis=1, keepdims=True)
    result: NDArray[np.float64] = np.array(probabilities, dtype=np.float64)
    np.divide(shares, total, out=result, where=total > 0)
    return result


def as_threshold(factors: tuple[float, ...]) -> float | None:
    """Returns the probability of class 1 above which it is chosen; None unless binary."""
    return factors[0] / (factors[0] + factors[1]) if len(factors) == 2 else None


def fit_class_factors(
    probabilities: NDArray[np.float64],
    y: NDArray[Any],
    metric: Metric,
    weight: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> tuple[float, ...]:
    """Fits class factors that maximise the score of the most probable class, shrunk towards 1.

    Two classes: a threshold, searched on a grid of 51 points and then twice on 19 points around
    the best; ties are resolved by the middle of the plateau closest to 0.5. More classes:
    coordinate search over the classes, twice, with 17 factors from exp(-2) to exp(2). Each log
    factor (log odds for two classes) is then multiplied by ``n / (n + 20)``, n = rows of the class
    (of the rarer one for two classes).

    Args:
        probabilities: Out-of-fold probabilities, ``(n_rows, n_classes)``.
        y: Class indices, ``(n_rows,)``.
        metric: A metric of labels.
        weight: Row weights, ``(n_rows,)``.
        seed: Seed of the sample of rows, of 20,000 at most; fewer with more classes.
    """
    # The cost grows with rows times classes.
    most = max(MIN_ROWS, 2 * MAX_ROWS // probabilities.shape[1])
    if len(y) > most:
        rows = np.sort(np.random.default_rng(seed).choice(len(y), most, replace=False))
        probabilities, y = probabilities[rows], y[rows]
        weight = None if weight is None else weight[rows]
    n_rows = np.bincount(y, minlength=probabilities.shape[1])
    if len(n_rows) == 2:
        threshold = _best_threshold(probabilities[:, 1], y, metric, weight)
        way = n_rows.min() / (n_rows.min() + ROWS_OF_DOUBT)
        return 1.0, float(np.exp(way * np.log((1 - threshold) / threshold)))
    logs = _best_log_factors(probabilities, y, metric, weight) * n_rows / (n_rows + ROWS_OF_DOUBT)
    return tuple(np.exp(logs - logs.mean()).tolist())


def _best_threshold(
    positive: NDArray[np.float64],
    y: NDArray[Any],
    metric: Metric,
    weight: NDArray[np.float64] | None,
) -> float:
    """Returns the middle of the best plateau of thresholds; 0.5 if no other is better."""
    best, reach = 0.5, 0.5
    for n_points in (COARSE, FINE, FINE):
        low, high = max(best - reach, 1e-4), min(best + reach, 1 - 1e-4)
        points = np.linspace(low, high, n_points)
        losses = np.array(
            [_loss(metric, y, (positive > point).astype(np.int64), weight) for point in points]
        )
        best = _middle_of_best(points, losses)
        reach = (high - low) / (n_points - 1)
    return best


def _middle_of_best(points: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """Returns the middle closest to 0.5 of the runs of points with the lowest loss."""
    where = np.flatnonzero(losses <= losses.min() + 1e-12)
    plateaus = np.split(where, np.flatnonzero(np.diff(where) > 1) + 1)
    middles = [float(points[[plateau[0], plateau[-1]]].mean()) for plateau in plateaus]
    return min(middles, key=lambda middle: abs(middle - 0.5))


def _best_log_factors(
    probabilities: NDArray[np.float64],
    y: NDArray[Any],
    metric: Metric,
    weight: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Logarithms of the factors, ``(n_classes,)``, by coordinate search."""
    logs = np.zeros(probabilities.shape[1])
    for _ in range(ROUNDS):
        for k in range(len(logs)):
            shares = probabilities * np.exp(logs)
            others = shares.copy()
            others[:, k] = -1.0
            rival, strength = others.argmax(axis=1), others.max(axis=1)
            losses = []
            for candidate in LOG_FACTORS:
                chosen = probabilities[:, k] * np.exp(candidate) > strength
                labels = np.where(chosen, k, rival)
                losses.append(_loss(metric, y, labels, weight))
            best = np.flatnonzero(np.array(losses) <= min(losses) + 1e-12)
            logs[k] = LOG_FACTORS[best[np.argmin(np.abs(LOG_FACTORS[best] - logs[k]))]]
    return logs


def _loss(
    metric: Metric, y: NDArray[Any], labels: NDArray[np.int64], weight: NDArray[np.float64] | None
) -> float:
    """Loss of class indices; infinite if the metric is undefined."""
    loss = metric.loss(metric.score_labels(y, labels, weight))
    return math.inf if math.isnan(loss) else loss
