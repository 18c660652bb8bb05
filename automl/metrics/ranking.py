"""Ranking metrics of class probabilities (ROC AUC, average precision), in plain numpy for speed.

Every function takes ``(y_true, prediction, weight)``: class indices ``(n_rows,)``, probabilities
``(n_rows, n_classes)``, and row weights ``(n_rows,)`` or None. With two classes the curve is that
of class 1. Classes without rows of positive weight are left out of means.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.metrics.averages import Weight, ratio

__all__ = ["average_precision", "roc_auc", "roc_auc_ovo", "roc_auc_weighted"]


def roc_auc(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Area under the ROC curve; for several classes the mean of the one-versus-rest areas.

    0.5 if there is a single class.
    """
    if prediction.shape[1] == 2:
        return _binary_auc(y_true == 1, prediction[:, 1], weight)
    areas = [_binary_auc(y_true == k, prediction[:, k], weight) for k in _present(y_true, weight)]
    return float(np.mean(areas)) if areas else 0.5


def roc_auc_weighted(
    y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None
) -> float:
    """Mean area under the one-versus-rest ROC curves, weighted by class frequency."""
    classes = _present(y_true, weight)
    if not len(classes):
        return 0.5
    areas = [_binary_auc(y_true == k, prediction[:, k], weight) for k in classes]
    return float(np.average(areas, weights=np.bincount(y_true, weight)[classes]))


def roc_auc_ovo(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean area under the one-versus-one ROC curves (Hand & Till, 2001).

    Unlike one-versus-rest, it does not depend on class frequencies.
    """
    classes = _present(y_true, weight)
    areas = []
    for i, a in enumerate(classes):
        for b in classes[i + 1 :]:
            rows = np.flatnonzero((y_true == a) | (y_true == b))
            of_rows = None if weight is None else weight[rows]
            for k in (a, b):
                areas.append(_binary_auc(y_true[rows] == k, prediction[rows, k], of_rows))
    return float(np.mean(areas)) if areas else 0.5


def average_precision(
    y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None
) -> float:
    """Precision averaged over the steps of recall; for several classes the mean over them.

    0.0 if there are two classes and class 1 does not occur.
    """
    if prediction.shape[1] == 2:
        return _binary_precision(y_true == 1, prediction[:, 1], weight)
    classes = _present(y_true, weight)
    found = [_binary_precision(y_true == k, prediction[:, k], weight) for k in classes]
    return float(np.mean(found)) if found else 0.0


def _present(y_true: NDArray[Any], weight: Weight) -> NDArray[np.int64]:
    """Classes with a row of positive weight."""
    present: NDArray[np.int64] = np.flatnonzero(np.bincount(y_true, weight, minlength=1) > 0)
    return present


def _binary_precision(positive: NDArray[np.bool_], score: NDArray[Any], weight: Weight) -> float:
    true_positives, false_positives = _counts_above(positive, score, weight)
    if not true_positives.size or true_positives[-1] <= 0:
        return 0.0
    precisions = ratio(true_positives, true_positives + false_positives)
    steps = np.diff(true_positives, prepend=0.0) / true_positives[-1]
    return float(steps @ precisions)


def _binary_auc(positive: NDArray[np.bool_], score: NDArray[Any], weight: Weight) -> float:
    """Probability that a row of the class scores above another row; ties count one half.

    Computed as the Mann-Whitney statistic without weights, otherwise as the trapezoidal area,
    which is the same number.
    """
    if weight is not None:
        true_positives, false_positives = _counts_above(positive, score, weight)
        if not true_positives.size or true_positives[-1] <= 0 or false_positives[-1] <= 0:
            return 0.5
        height = true_positives - np.diff(true_positives, prepend=0.0) / 2
        area = height @ np.diff(false_positives, prepend=0.0)
        return float(area / (true_positives[-1] * false_positives[-1]))
    inside, outside = np.sort(score[positive]), np.sort(score[~positive])
    if not inside.size or not outside.size:
        return 0.5
    few, many = (inside, outside) if inside.size <= outside.size else (outside, inside)
    below = np.searchsorted(many, few, "left").sum() + np.searchsorted(many, few, "right").sum()
    share = float(below) / 2 / (inside.size * outside.size)
    return share if few is inside else 1 - share


def _counts_above(
    positive: NDArray[np.bool_], score: NDArray[Any], weight: Weight
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight inside and outside the class at or above each distinct score, in descending order."""
    order = np.argsort(-score)
    ranked = score[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if ranked.size else order
    mass = np.ones(score.size) if weight is None else weight[order]
    inside = np.cumsum(np.where(positive[order], mass, 0.0))
    outside = np.cumsum(np.where(positive[order], 0.0, mass))
    return inside[last], outside[last]
