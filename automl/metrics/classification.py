"""Metrics of class probabilities and of class labels, in numpy alone: they are computed often.

Every function takes ``(y_true, prediction, weight)``: class indices ``(n_rows,)``, then
probabilities ``(n_rows, n_classes)`` or class indices ``(n_rows,)``, then row weights ``(n_rows,)``
or None. Values are scikit-learn's where those are defined; the docstrings say what is given where
they are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "kappa",
    "log_loss",
    "mcc",
    "precision",
    "recall",
    "roc_auc",
]

Weight = NDArray[np.float64] | None

SMALLEST_PROBABILITY = 1e-15


def roc_auc(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Area under the ROC curve; with several classes the mean over one-versus-rest curves.

    Classes that do not occur are left out of the mean. 0.5 where there is a single class.

    Args:
        y_true: Class indices, ``(n_rows,)``.
        prediction: Probabilities, ``(n_rows, n_classes)``.
        weight: Row weights, ``(n_rows,)``.
    """
    if prediction.shape[1] == 2:
        return _binary_auc(y_true == 1, prediction[:, 1], weight)
    areas = [
        _binary_auc(y_true == k, prediction[:, k], weight)
        for k in np.flatnonzero(np.bincount(y_true, minlength=1))
    ]
    return float(np.mean(areas)) if areas else 0.5


def average_precision(
    y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None
) -> float:
    """Precision averaged over the steps of recall of class 1; 0.0 where class 1 does not occur.

    Args:
        y_true: Class indices 0 and 1, ``(n_rows,)``.
        prediction: Probabilities, ``(n_rows, 2)``.
        weight: Row weights, ``(n_rows,)``.
    """
    true_positives, false_positives = _counts_above(y_true == 1, prediction[:, 1], weight)
    if not true_positives.size or true_positives[-1] <= 0:
        return 0.0
    precisions = _ratio(true_positives, true_positives + false_positives)
    steps = np.diff(true_positives, prepend=0.0) / true_positives[-1]
    return float(steps @ precisions)


def log_loss(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean of minus the logarithm of the probability given to the true class.

    Rows are made to sum to 1, then probabilities below 1e-15 count as 1e-15, in float64.

    Args:
        y_true: Class indices, ``(n_rows,)``.
        prediction: Probabilities, ``(n_rows, n_classes)``.
        weight: Row weights, ``(n_rows,)``.
    """
    chosen = _of_true_class(y_true, prediction)
    total = np.einsum("ij->i", prediction, dtype=np.float64)
    share = _ratio(chosen, total)
    return -_mean(np.log(np.maximum(share, SMALLEST_PROBABILITY)), weight)


def brier(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean squared distance of probabilities from the truth (Brier, 1950).

    With two classes that of class 1 alone, from 0 to 1; with more the sum over the classes, from
    0 to 2.

    Args:
        y_true: Class indices, ``(n_rows,)``.
        prediction: Probabilities, ``(n_rows, n_classes)``.
        weight: Row weights, ``(n_rows,)``.
    """
    if prediction.shape[1] == 2:
        return _mean((prediction[:, 1].astype(np.float64) - y_true) ** 2, weight)
    squares = np.einsum("ij,ij->i", prediction, prediction, dtype=np.float64)
    return _mean(squares - 2 * _of_true_class(y_true, prediction) + 1, weight)


def accuracy(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Share of rows whose class index is right."""
    return _mean((y_true == prediction).astype(np.float64), weight)


def balanced_accuracy(
    y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None
) -> float:
    """Mean recall of the classes that occur in the truth."""
    table = _confusion(y_true, prediction, weight)
    support = table.sum(axis=1)
    present = support > 0
    return float(np.mean(table.diagonal()[present] / support[present])) if present.any() else 0.0


def precision(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Share of class 1 among rows predicted as class 1; 0.0 where none is."""
    table = _confusion(y_true, prediction, weight, 2)
    return float(_ratio(table[1, 1], table[:, 1].sum()))


def recall(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Share of the rows of class 1 that are found; 0.0 where there are none."""
    table = _confusion(y_true, prediction, weight, 2)
    return float(_ratio(table[1, 1], table[1].sum()))


def f1(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Harmonic mean of precision and recall of class 1; 0.0 where it never occurs."""
    return float(_f1_by_class(_confusion(y_true, prediction, weight, 2))[1])


def f1_macro(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Plain mean of the F1 of the classes that occur in the truth or in the prediction."""
    table = _confusion(y_true, prediction, weight)
    present = table.sum(axis=0) + table.sum(axis=1) > 0
    return float(np.mean(_f1_by_class(table)[present])) if present.any() else 0.0


def f1_micro(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """F1 of all decisions taken together; where each row has one class that is the accuracy."""
    return accuracy(y_true, prediction, weight)


def f1_weighted(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean of the F1 of the classes, weighted by how often each occurs in the truth."""
    table = _confusion(y_true, prediction, weight)
    support = table.sum(axis=1)
    return float(_ratio(_f1_by_class(table) @ support, support.sum()))


def mcc(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Matthews correlation of truth and prediction; 0.0 where either has a single class."""
    table = _confusion(y_true, prediction, weight)
    support, predicted, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    covariance = table.trace() * total - support @ predicted
    spread = (total**2 - support @ support) * (total**2 - predicted @ predicted)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def kappa(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Cohen's kappa: agreement beyond chance; 0.0 where chance alone agrees everywhere."""
    table = _confusion(y_true, prediction, weight)
    total = table.sum()
    by_chance = float(table.sum(axis=1) @ table.sum(axis=0))
    disagreement = total**2 - by_chance
    if disagreement <= 0:
        return 0.0
    return float((table.trace() * total - by_chance) / disagreement)


def _binary_auc(positive: NDArray[np.bool_], score: NDArray[Any], weight: Weight) -> float:
    """Probability that a row of the class scores above another; ties count one half.

    The Mann-Whitney statistic over sorted scores where rows weigh the same, else the trapezoidal
    area, which is the same number.
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
    """Weight of rows inside and outside the class, at or above each distinct score from the top."""
    order = np.argsort(-score)
    ranked = score[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if ranked.size else order
    mass = np.ones(score.size) if weight is None else weight[order]
    inside = np.cumsum(np.where(positive[order], mass, 0.0))
    outside = np.cumsum(np.where(positive[order], 0.0, mass))
    return inside[last], outside[last]


def _confusion(
    y_true: NDArray[Any], labels: NDArray[Any], weight: Weight, n_classes: int = 1
) -> NDArray[np.float64]:
    """Weight of the rows by true class (axis 0) and predicted class (axis 1)."""
    if y_true.size:
        n_classes = max(n_classes, int(y_true.max()) + 1, int(labels.max()) + 1)
    cells = np.bincount(y_true * n_classes + labels, weight, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.float64)


def _f1_by_class(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ratio(2 * table.diagonal(), table.sum(axis=0) + table.sum(axis=1))


def _of_true_class(y_true: NDArray[Any], prediction: NDArray[Any]) -> NDArray[np.float64]:
    """Probability given to the true class, ``(n_rows,)``."""
    chosen = prediction[np.arange(len(y_true)), y_true]
    return np.asarray(chosen, dtype=np.float64)


def _ratio(above: Any, below: Any) -> NDArray[np.float64]:
    """Quotient of arrays of one shape (or of none), 0 where the divisor is not positive."""
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    quotient: NDArray[np.float64] = np.zeros(below.shape)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient


def _mean(values: NDArray[np.float64], weight: Weight) -> float:
    if not values.size:
        return 0.0
    return float(values.mean() if weight is None else weight @ values / weight.sum())
