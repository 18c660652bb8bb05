"""Influence functions of scores, for standard errors in closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.metrics import classification, ranking, regression
from automl.metrics.averages import mean, ratio
from automl.metrics.catalog import CATALOG
from automl.plugin.metric import Metric, pinball_losses

__all__ = ["influence"]

MAX_CELLS = 400  # pairs of true and predicted class; each needs one scoring of all cells
STEP = 1e-6  # as a share of the total weight

Array = NDArray[np.float64]


def influence(
    metric: Metric, y_true: NDArray[Any], prediction: NDArray[Any], weight: Array | None = None
) -> Array | None:
    """The influence function of a score at each row (Hampel, 1974).

    To first order, a row of weight ``w`` moves the score by ``w / sum(weight) * influence``, so

        variance of the score = sum((w * influence)**2) / sum(w)**2

    approximately. For means of row losses this is the variance of a mean, for RMSE the delta
    method, for ROC AUC the variance of DeLong et al. (1988), eq. 4-5, and for metrics of labels
    the infinitesimal jackknife (Efron, 1982, chapter 6) over the cells of the confusion matrix.

    Args:
        metric: The metric.
        y_true: Class indices or values, ``(n_rows,)``.
        prediction: Predictions as for ``Metric.score``.
        weight: Row weights, ``(n_rows,)``.

    Returns:
        One number per row, ``(n_rows,)``, with weighted mean 0; None for a metric without a
        closed form here.
    """
    function = metric.function
    if function is regression.pinball:
        losses = pinball_losses(y_true, prediction, metric.quantiles or (0.5,))
        return losses - mean(losses, weight)
    if function in _LOSSES:
        losses = _LOSSES[function](y_true, prediction)
        return losses - mean(losses, weight)
    if function in _ROOTS:
        squares = _ROOTS[function](y_true, prediction)
        mse = mean(squares, weight)
        return np.asarray((squares - mse) / (2 * np.sqrt(max(mse, np.finfo(float).tiny))))
    if function is regression.r2:
        return _r2(y_true, prediction, weight)
    if function is ranking.roc_auc:
        return _roc_auc(y_true, prediction, weight)
    if function in _OF_LABELS:
        return _cells(function, y_true, prediction.argmax(axis=1), weight)
    return None


def _log_loss(y: NDArray[Any], p: NDArray[Any]) -> Array:
    share = ratio(p[np.arange(len(y)), y], p.sum(axis=1))
    return -np.log(np.maximum(share, classification.SMALLEST_PROBABILITY))


def _brier(y: NDArray[Any], p: NDArray[Any]) -> Array:
    if p.shape[1] == 2:
        return np.asarray((p[:, 1] - y) ** 2, dtype=np.float64)
    return np.asarray((p**2).sum(axis=1) - 2 * p[np.arange(len(y)), y] + 1, dtype=np.float64)


def _squares(y: NDArray[Any], p: NDArray[Any]) -> Array:
    return np.asarray((y - p) ** 2, dtype=np.float64)


def _absolute(y: NDArray[Any], p: NDArray[Any]) -> Array:
    return np.asarray(np.abs(y - p), dtype=np.float64)


def _relative(y: NDArray[Any], p: NDArray[Any]) -> Array:
    return np.asarray(np.abs(y - p) / np.maximum(np.abs(y), np.finfo(np.float64).eps))


def _symmetric(y: NDArray[Any], p: NDArray[Any]) -> Array:
    return ratio(np.abs(y - p), (np.abs(y) + np.abs(p)) / 2)


def _log_squares(y: NDArray[Any], p: NDArray[Any]) -> Array:
    return _squares(np.log1p(y), np.log1p(np.maximum(p, regression.LOWEST_BELOW_LOG)))


RowLosses = Callable[[NDArray[Any], NDArray[Any]], Array]

_LOSSES: Mapping[Callable[..., float], RowLosses] = {
    classification.log_loss: _log_loss,
    classification.brier: _brier,
    regression.mse: _squares,
    regression.mae: _absolute,
    regression.mape: _relative,
    regression.smape: _symmetric,
}
"""Metrics that are a mean of row losses; pinball loss is handled separately."""

_ROOTS: Mapping[Callable[..., float], RowLosses] = {
    regression.rmse: _squares,
    regression.rmsle: _log_squares,
}
"""Metrics that are the root of a mean of row losses."""

_OF_LABELS = frozenset(m.function for m in CATALOG.values() if m.needs == "labels")
"""Metrics that depend only on the confusion matrix, but not on its scale."""


def _r2(y: NDArray[Any], prediction: NDArray[Any], weight: Array | None) -> Array | None:
    errors, spreads = _squares(y, prediction), _squares(y, np.asarray(mean(y, weight)))
    error, spread = mean(errors, weight), mean(spreads, weight)
    if spread <= 0:
        return None
    return (error / spread) * (spreads / spread) - errors / spread


def _roc_auc(y: NDArray[Any], prediction: NDArray[Any], weight: Array | None) -> Array:
    mass = np.ones(len(y)) if weight is None else weight
    if prediction.shape[1] == 2:
        return _binary_auc(y == 1, prediction[:, 1], mass)
    classes = np.flatnonzero(np.bincount(y, mass, minlength=1) > 0)
    areas = [_binary_auc(y == k, prediction[:, k], mass) for k in classes]
    return np.asarray(np.mean(areas, axis=0))


def _binary_auc(positive: NDArray[np.bool_], score: NDArray[Any], mass: Array) -> Array:
    """Share of the other class that each row is ranked correctly against, centred and scaled."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    tie = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(ranked))))
    result = np.zeros(len(score))
    total = mass.sum()
    for side in (positive, ~positive):
        others = np.add.reduceat(np.where(side[order], 0.0, mass[order]), first)
        if others.sum() <= 0 or mass[side].sum() <= 0:
            return np.zeros(len(score))
        below = (np.cumsum(others) - others / 2)[tie] / others.sum()
        placed = np.empty(len(score))
        placed[order] = below if side is positive else 1 - below
        area = np.average(placed[side], weights=mass[side])
        result[side] = (placed[side] - area) * total / mass[side].sum()
    return result


def _cells(
    function: Callable[..., float], y: NDArray[Any], labels: NDArray[Any], weight: Array | None
) -> Array | None:
    """Numerical derivatives with respect to the weights of the confusion matrix's cells."""
    n_classes = int(max(y.max(), labels.max())) + 1
    cells, cell_of_row = np.unique(y * n_classes + labels, return_inverse=True)
    if len(cells) > MAX_CELLS:
        return None
    mass = np.bincount(cell_of_row, weight).astype(np.float64)
    truth, predicted = np.divmod(cells, n_classes)
    step = STEP * mass.sum()
    score = function(truth, predicted, mass)
    moved = [
        function(truth, predicted, mass + step * (np.arange(len(cells)) == cell))
        for cell in range(len(cells))
    ]
    slopes = (np.array(moved) - score) / step * mass.sum()
    slopes -= mean(slopes, mass)
    return np.asarray(slopes[cell_of_row])
