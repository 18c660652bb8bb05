"""What the mean of the folds' models is expected to score, by adding noise to one model of them.

Each out-of-fold prediction is that of one model, and new rows get the mean of ``B``. Of the
variance ``V`` of a model that mean keeps ``V / B``. Simulation and extrapolation (SIMEX, Cook &
Stefanski 1994) needs no label for ``V`` and no fit: noise of the variance ``c V`` is added to the
predictions, and the straight line through the scores at ``c = 0, .5, 1, 1.5`` is read where
``c = -(1 - 1/B)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.metric import Metric

__all__ = ["gain_of_mean", "in_log_odds", "on_scale_of_noise"]

STEPS = (0.5, 1.0, 1.5)
N_DRAWS = 10
MOST_AT_ONCE = 0.6
"""Of the change at the last step, that at the first; on a straight line it is a third."""
MIN_PROBABILITY = 1e-3  # beyond that log odds differ much and mean little
LEAST_PROBABILITY = 1e-9


def on_scale_of_noise(
    prediction: NDArray[Any], is_classification: bool, least: float = MIN_PROBABILITY
) -> NDArray[np.float64]:
    """Values as they are; of probabilities the logarithms, less their mean over the classes.

    Args:
        prediction: ``(n_rows,)`` or ``(n_rows, n_outputs)``.
        is_classification: Whether it holds probabilities.
        least: Smaller probabilities count as this one.
    """
    array = np.asarray(prediction, dtype=np.float64)
    if not is_classification:
        return array
    logs = np.log(np.clip(array, least, 1.0))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def gain_of_mean(
    prediction: NDArray[Any],
    y: NDArray[Any],
    metric: Metric,
    variance: float,
    n_models: int,
    *,
    is_classification: bool,
    fold: NDArray[np.int64] | None = None,
    weight: NDArray[np.float64] | None = None,
    n_averaged: int = 1,
    seed: int = 0,
) -> float:
    """How much better the mean of the folds' models is expected to score than one of them.

    Args:
        prediction: Out of fold, all finite, ``(n_rows,)`` or ``(n_rows, n_outputs)``.
        y: Class indices or values, ``(n_rows,)``.
        metric: What scores them.
        variance: Of one model on rows that it did not see, summed over the outputs, on the scale
            of ``on_scale_of_noise``.
        n_models: Models whose mean predicts new rows.
        is_classification: Whether predictions are probabilities.
        fold: Number of the fold of each row; a metric that ranks compares rows of a fold.
        weight: Row weights, ``(n_rows,)``.
        n_averaged: Models whose mean an out-of-fold prediction is already: one of each repeat.
        seed: Of the noise.

    Returns:
        To be added to the score of ``prediction``, in the direction of the metric; NaN where it
        has no value, or where the scores lie on no straight line: ranks of rare classes may be lost
        by the first noise, and no line tells what less of it would bring. 0 where the models do not
        differ.
    """
    share = 1.0 / n_averaged - 1.0 / n_models
    if variance <= 0.0 or share <= 0.0:
        return 0.0
    rng = np.random.default_rng(seed)
    base = on_scale_of_noise(prediction, is_classification, LEAST_PROBABILITY)
    plain = metric.score_folds(y, prediction, fold, weight)
    change = np.zeros(len(STEPS))
    for _ in range(N_DRAWS // 2):
        noise = _noise(rng, base.shape, variance, is_classification)
        for number, step in enumerate(STEPS):
            for sign in (-1.0, 1.0):  # in pairs the odd part of the change is gone
                moved = base + sign * np.sqrt(step) * noise
                shown = _softmax(moved) if is_classification else moved
                change[number] += metric.score_folds(y, shown, fold, weight) - plain
    change /= 2 * (N_DRAWS // 2)
    if abs(change[0]) > MOST_AT_ONCE * abs(change[-1]):
        return math.nan
    steps = np.array([0.0, *STEPS])
    slope = np.polyfit(steps, np.array([0.0, *change]), 1)[0]
    return float(-slope * share)


def in_log_odds(variance: float, prediction: NDArray[Any]) -> float:
    """The variance of the noise of ``gain_of_mean`` that gives probabilities this one.

    Args:
        variance: Of probabilities, summed over the classes, mean over the rows.
        prediction: Probabilities that the noise is added to, ``(n_rows, n_classes)``.
    """
    p = np.asarray(prediction, dtype=np.float64)
    squares = (p**2).sum(axis=1)
    # Sum of the squared derivatives of p by the logarithms: p_k (1 if k = l else 0) - p_k p_l.
    slopes = squares - 2.0 * (p**3).sum(axis=1) + squares**2
    mean = float(slopes.mean())
    return variance / mean * (p.shape[1] - 1) if mean > 0.0 else 0.0


def _noise(
    rng: np.random.Generator, shape: tuple[int, ...], variance: float, is_classification: bool
) -> NDArray[np.float64]:
    """Normal noise with this variance in sum over the outputs."""
    if len(shape) == 1:
        return rng.normal(0.0, np.sqrt(variance), shape)
    n_outputs = shape[1]
    if not is_classification:  # levels of one distribution move together
        return np.repeat(
            rng.normal(0.0, np.sqrt(variance / n_outputs), (shape[0], 1)), n_outputs, 1
        )
    drawn = rng.normal(0.0, np.sqrt(variance / max(1, n_outputs - 1)), shape)
    return np.asarray(drawn - drawn.mean(axis=1, keepdims=True))


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
