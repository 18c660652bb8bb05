"""Estimates how much the mean of the folds' models improves the score, by simulation (SIMEX).

An out-of-fold prediction comes from one model, of variance ``V``; new rows get the mean of ``B``
models, of variance ``V / B``. SIMEX (simulation and extrapolation, Cook & Stefanski 1994) adds
noise of variance ``c V`` to the predictions and extrapolates the line through the scores at
``c = 0, .5, 1, 1.5`` to ``c = -(1 - 1/B)``. It needs no labels for ``V`` and no further fits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import softmax
from automl.plugin.metric import Metric

__all__ = ["fold_variance", "gain_of_mean", "in_log_odds", "on_scale_of_noise"]

CORRECTION = 0.88  # factor of the geometric mean below, from 16 measurements
SEEN_BY_ONE = 2.0  # ratio of the estimate from pairs of which one saw the row to the variance

STEPS = (0.5, 1.0, 1.5)
N_DRAWS = 10
MOST_AT_ONCE = 0.6
"""Largest ratio of the change at the first step to that at the last; on a line it is 1/3."""
MIN_PROBABILITY = 1e-3  # below it, large differences in log odds mean little
LEAST_PROBABILITY = 1e-9


def on_scale_of_noise(
    prediction: NDArray[Any], is_classification: bool, least: float = MIN_PROBABILITY
) -> NDArray[np.float64]:
    """Returns values unchanged, probabilities as logarithms centred over the classes.

    Args:
        prediction: ``(n_rows,)`` or ``(n_rows, n_outputs)``.
        is_classification: Whether it holds probabilities.
        least: Lower bound of probabilities.
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
    """Returns the expected gain in score of the mean of the folds' models over one of them.

    Args:
        prediction: Out-of-fold predictions, finite, ``(n_rows,)`` or ``(n_rows, n_outputs)``.
        y: Class indices or values, ``(n_rows,)``.
        metric: The metric.
        variance: Variance of one model on unseen rows, summed over the outputs, on the scale of
            ``on_scale_of_noise``.
        n_models: Models whose mean predicts new rows.
        is_classification: Whether predictions are probabilities.
        fold: Fold number of each row, ``(n_rows,)``; ranking metrics are scored per fold.
        weight: Row weights, ``(n_rows,)``.
        n_averaged: Models already averaged in an out-of-fold prediction: one per repeat.
        seed: Seed of the noise.

    Returns:
        The gain in the direction of the metric, to add to the score of ``prediction``; 0 if the
        models do not differ. NaN if the score is undefined, or if the scores are not on a line:
        the ranks of rare classes may be lost at the first step, so extrapolation is impossible.
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
            for sign in (-1.0, 1.0):  # pairs cancel the odd part of the change
                moved = base + sign * np.sqrt(step) * noise
                shown = softmax(moved) if is_classification else moved
                change[number] += metric.score_folds(y, shown, fold, weight) - plain
    change /= 2 * (N_DRAWS // 2)
    if abs(change[0]) > MOST_AT_ONCE * abs(change[-1]):
        return math.nan
    steps = np.array([0.0, *STEPS])
    slope = np.polyfit(steps, np.array([0.0, *change]), 1)[0]
    return float(-slope * share)


def in_log_odds(variance: float, prediction: NDArray[Any]) -> float:
    """Converts a variance of probabilities to the scale of ``gain_of_mean``.

    Args:
        variance: Variance of probabilities, summed over the classes, averaged over the rows.
        prediction: Probabilities, ``(n_rows, n_classes)``.
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
    """Returns normal noise whose variances sum to ``variance`` over the outputs."""
    if len(shape) == 1:
        return rng.normal(0.0, np.sqrt(variance), shape)
    n_outputs = shape[1]
    if not is_classification:  # levels of one distribution move together
        return np.repeat(
            rng.normal(0.0, np.sqrt(variance / n_outputs), (shape[0], 1)), n_outputs, 1
        )
    drawn = rng.normal(0.0, np.sqrt(variance / max(1, n_outputs - 1)), shape)
    return np.asarray(drawn - drawn.mean(axis=1, keepdims=True))


def fold_variance(
    predictions: NDArray[np.float64], saw: NDArray[np.bool_], weight: NDArray[np.float64]
) -> float:
    """Estimates the variance of a fold's model on unseen rows.

    It is half the mean squared difference of two models on rows that neither saw. Within one
    repeat there are none: models that both saw a row differ too little, and if one saw it, too
    much; 0.88 times the geometric mean of the two is 0.8 to 1.3 times the variance
    (docs/decisions/0039-refit-or-folds.md).

    Args:
        predictions: Predictions of each fold's model, ``(n_folds, n_rows)``, optionally with a
            last axis of outputs, over which squares are summed.
        saw: Whether a fold's model trained on a row, ``(n_folds, n_rows)``.
        weight: Row weights, ``(n_rows,)``.
    """
    flat = predictions.reshape(*saw.shape, -1)
    squares, counts = np.zeros(3), np.zeros(3)  # by the number of models that saw the row
    for i in range(len(flat)):
        for j in range(i):
            square = weight * ((flat[i] - flat[j]) ** 2).sum(axis=1)
            n_saw = saw[i].astype(int) + saw[j]
            squares += np.bincount(n_saw, square, minlength=3)
            counts += np.bincount(n_saw, weight, minlength=3)
    neither, one, both = (
        float(s / c) if c > 0 else None for s, c in zip(squares, counts, strict=True)
    )
    if neither is not None:
        return neither / 2
    if one is not None and both is not None:
        return CORRECTION * float(np.sqrt(one * both)) / 2
    return (both or 0.0) / 2 if one is None else one / SEEN_BY_ONE / 2
