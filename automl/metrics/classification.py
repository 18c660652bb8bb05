"""Metrics of class probabilities and labels, in plain numpy for speed.

Every function takes ``(y_true, prediction, weight)``: class indices ``(n_rows,)``, then
probabilities ``(n_rows, n_classes)`` or class indices ``(n_rows,)``, then row weights ``(n_rows,)``
or None. Values equal scikit-learn's where those are defined; the docstrings give the value where
they are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.metrics.averages import Weight, mean, ratio

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "brier",
    "f1",
    "f1_macro",
    "f1_weighted",
    "kappa",
    "log_loss",
    "mcc",
    "precision",
    "precision_macro",
    "quadratic_kappa",
    "recall",
]

SMALLEST_PROBABILITY = 1e-15


def log_loss(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean negative logarithm of the probability of the true class.

    Rows are normalized to sum 1, then probabilities are clipped at 1e-15, in float64.

    Args:
        y_true: Class indices, ``(n_rows,)``.
        prediction: Probabilities, ``(n_rows, n_classes)``.
        weight: Row weights, ``(n_rows,)``.
    """
    chosen = _of_true_class(y_true, prediction)
    total = np.einsum("ij->i", prediction, dtype=np.float64)
    share = ratio(chosen, total)
    return -mean(np.log(np.maximum(share, SMALLEST_PROBABILITY)), weight)


def brier(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean squared error of probabilities (Brier, 1950).

    With two classes only class 1 is used (0 to 1); with more, the sum over the classes (0 to 2).

    Args:
        y_true: Class indices, ``(n_rows,)``.
        prediction: Probabilities, ``(n_rows, n_classes)``.
        weight: Row weights, ``(n_rows,)``.
    """
    if prediction.shape[1] == 2:
        return mean((prediction[:, 1].astype(np.float64) - y_true) ** 2, weight)
    squares = np.einsum("ij,ij->i", prediction, prediction, dtype=np.float64)
    return mean(squares - 2 * _of_true_class(y_true, prediction) + 1, weight)


def accuracy(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Share of rows with the correct class.

    It equals micro F1, that of the pooled decisions of all classes, as each row has one class.
    """
    return mean((y_true == prediction).astype(np.float64), weight)


def balanced_accuracy(
    y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None
) -> float:
    """Mean recall of the classes that occur in ``y_true``."""
    table = _confusion(y_true, prediction, weight)
    support = table.sum(axis=1)
    present = support > 0
    return float(np.mean(table.diagonal()[present] / support[present])) if present.any() else 0.0


def precision(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Share of class 1 among rows predicted as class 1; 0.0 if there are none."""
    table = _confusion(y_true, prediction, weight, 2)
    return float(ratio(table[1, 1], table[:, 1].sum()))


def precision_macro(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Unweighted mean precision of the classes that occur in ``y_true`` or the prediction."""
    table = _confusion(y_true, prediction, weight)
    predicted = table.sum(axis=0)
    present = predicted + table.sum(axis=1) > 0
    return float(np.mean(ratio(table.diagonal(), predicted)[present])) if present.any() else 0.0


def recall(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Share of the rows of class 1 predicted as such; 0.0 if there are none."""
    table = _confusion(y_true, prediction, weight, 2)
    return float(ratio(table[1, 1], table[1].sum()))


def f1(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Harmonic mean of precision and recall of class 1; 0.0 if it never occurs."""
    return float(_f1_by_class(_confusion(y_true, prediction, weight, 2))[1])


def f1_macro(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Unweighted mean F1 of the classes that occur in ``y_true`` or the prediction."""
    table = _confusion(y_true, prediction, weight)
    present = table.sum(axis=0) + table.sum(axis=1) > 0
    return float(np.mean(_f1_by_class(table)[present])) if present.any() else 0.0


def f1_weighted(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Mean F1 of the classes, weighted by their frequency in ``y_true``."""
    table = _confusion(y_true, prediction, weight)
    support = table.sum(axis=1)
    return float(ratio(_f1_by_class(table) @ support, support.sum()))


def mcc(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Matthews correlation coefficient; 0.0 if truth or prediction has a single class."""
    table = _confusion(y_true, prediction, weight)
    support, predicted, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    if min(np.count_nonzero(support), np.count_nonzero(predicted)) < 2:
        return 0.0  # by count, because differences of fractional weights are not exactly 0
    covariance = table.trace() * total - support @ predicted
    spread = (total**2 - support @ support) * (total**2 - predicted @ predicted)
    return float(covariance / np.sqrt(spread))


def kappa(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Cohen's kappa: agreement beyond chance; 0.0 if both have the same single class."""
    table = _confusion(y_true, prediction, weight)
    support, predicted, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    if np.count_nonzero(support + predicted) < 2:
        return 0.0
    by_chance = float(support @ predicted)
    return float((table.trace() * total - by_chance) / (total**2 - by_chance))


def quadratic_kappa(y_true: NDArray[Any], prediction: NDArray[Any], weight: Weight = None) -> float:
    """Cohen's kappa of ordered classes, with squared distances as error weights (Cohen, 1968).

    0.0 if truth and prediction have the same single class.
    """
    table = _confusion(y_true, prediction, weight)
    index = np.arange(len(table))
    distance = (index[:, np.newaxis] - index) ** 2
    by_chance = float(table.sum(axis=1) @ distance @ table.sum(axis=0))
    if by_chance <= 0:
        return 0.0
    return 1 - float((distance * table).sum()) * float(table.sum()) / by_chance


def _confusion(
    y_true: NDArray[Any], labels: NDArray[Any], weight: Weight, n_classes: int = 1
) -> NDArray[np.float64]:
    """Confusion matrix: weight of rows by true class (axis 0) and predicted class (axis 1)."""
    if y_true.size:
        n_classes = max(n_classes, int(y_true.max()) + 1, int(labels.max()) + 1)
    cells = np.bincount(y_true * n_classes + labels, weight, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.float64)


def _f1_by_class(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return ratio(2 * table.diagonal(), table.sum(axis=0) + table.sum(axis=1))


def _of_true_class(y_true: NDArray[Any], prediction: NDArray[Any]) -> NDArray[np.float64]:
    """Predicted probability of the true class, ``(n_rows,)``."""
    chosen = prediction[np.arange(len(y_true)), y_true]
    return np.asarray(chosen, dtype=np.float64)
