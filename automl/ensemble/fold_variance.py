"""Estimates the variance of the folds' models on unseen rows, without labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fold_variance"]

CORRECTION = 0.88  # factor of the geometric mean below, from 16 measurements
SEEN_BY_ONE = 2.0  # ratio of the estimate from pairs of which one saw the row to the variance


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
