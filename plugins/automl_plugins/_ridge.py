"""Ridge regression that chooses its penalty by leaving out each row in turn, at no further cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LeaveOneOutRidge", "fit_ridge"]

PENALTIES = np.logspace(-3, 4, 15)
"""Relative to the number of features, which are standardised."""

SHARPNESS = np.geomspace(0.5, 30.0, 25)
"""Factors of scores before they become probabilities."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LeaveOneOutRidge:
    """A fitted ridge regression of one or several outputs.

    Attributes:
        mean, factor: The features are ``(x - mean) * factor``, ``(n_features,)`` each.
        weights: ``(n_features, n_outputs)``.
        intercept: ``(n_outputs,)``.
        sharpness: Factor of scores before the softmax; 0 where values are predicted.
    """

    mean: NDArray[Any]
    factor: NDArray[Any]
    weights: NDArray[Any]
    intercept: NDArray[Any]
    sharpness: float

    def predict(self, features: NDArray[Any]) -> Doubles:
        """Probabilities ``(n_rows, n_outputs)``, or values ``(n_rows,)``."""
        scores = ((features - self.mean) * self.factor) @ self.weights + self.intercept
        scores = np.asarray(scores, dtype=np.float64)
        return _softmax(self.sharpness * scores) if self.sharpness else scores[:, 0]

    def state(self) -> dict[str, Any]:
        """Arrays and numbers from which an equal one is made."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LeaveOneOutRidge:
        """Builds an equal one."""
        return cls(**{**state, "sharpness": float(state["sharpness"])})


def fit_ridge(
    features: NDArray[Any],
    y: NDArray[Any],
    weight: Doubles | None,
    n_classes: int,
) -> LeaveOneOutRidge:
    """Fits, with the penalty that predicts left-out rows best.

    The prediction of a row that was left out follows from the fit on all: its residual is divided
    by 1 minus its leverage (Allen 1974). Classes are predicted as 1 and -1, one output each; how
    far scores are from certain is learnt from those of left-out rows too.

    Args:
        features: ``(n_rows, n_features)``.
        y: Class indices or values, ``(n_rows,)``.
        weight: Row weights, or None.
        n_classes: 0 where values are predicted.
    """
    n_rows, n_features = features.shape
    w = np.ones(n_rows) if weight is None else weight / weight.mean()
    mean = np.average(features, axis=0, weights=w)
    deviation = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=w))
    factor = np.divide(1.0, deviation, out=np.zeros(n_features), where=deviation > 1e-6)
    targets = 2.0 * np.eye(n_classes)[y] - 1.0 if n_classes else y[:, np.newaxis].astype(np.float64)
    intercept = np.average(targets, axis=0, weights=w)
    root = np.sqrt(w)[:, np.newaxis]
    X = root * ((features - mean) * factor)
    T = root * (targets - intercept)
    left, singular = _left_vectors(X)
    projected = left.T @ T
    best_loss, best_penalty, best_sharpness = np.inf, PENALTIES[-1], 1.0
    for penalty in PENALTIES * n_features:
        shrunk = singular**2 / (singular**2 + penalty)
        leverage = (left**2) @ shrunk + w / w.sum()
        residual = (T - left @ (shrunk[:, np.newaxis] * projected)) / root
        unseen = targets - residual / np.maximum(1 - leverage, 1e-6)[:, np.newaxis]
        loss, sharpness = _loss(unseen, y, w, n_classes)
        if loss < best_loss:
            best_loss, best_penalty, best_sharpness = loss, penalty, sharpness
    solved = X.T @ (left @ (projected / (singular**2 + best_penalty)[:, np.newaxis]))
    return LeaveOneOutRidge(
        mean=mean.astype(np.float32),
        factor=factor.astype(np.float32),
        weights=solved.astype(np.float32),
        intercept=intercept,
        sharpness=best_sharpness if n_classes else 0.0,
    )


def _left_vectors(X: Doubles) -> tuple[Doubles, Doubles]:
    """Left singular vectors ``(n_rows, rank)`` and values, by the smaller of the two products."""
    if X.shape[0] <= X.shape[1]:
        squares, left = np.linalg.eigh(X @ X.T)
        kept = squares > squares[-1] * 1e-10
        return left[:, kept], np.sqrt(squares[kept])
    squares, right = np.linalg.eigh(X.T @ X)
    kept = squares > squares[-1] * 1e-10
    singular = np.sqrt(squares[kept])
    return X @ (right[:, kept] / singular), singular


def _loss(unseen: Doubles, y: NDArray[Any], w: Doubles, n_classes: int) -> tuple[float, float]:
    """Loss of predictions of left-out rows, and the sharpness that makes it least."""
    if not n_classes:
        return float(np.average((unseen[:, 0] - y) ** 2, weights=w)), 0.0
    rows = np.arange(len(y))
    losses = [
        float(np.average(-np.log(_softmax(s * unseen)[rows, y] + 1e-12), weights=w))
        for s in SHARPNESS
    ]
    best = int(np.argmin(losses))
    return losses[best], float(SHARPNESS[best])


def _softmax(scores: Doubles) -> Doubles:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
