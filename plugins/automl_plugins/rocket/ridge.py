"""Ridge regression with a penalty chosen on validation rows, for more features than rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_plugins.common.probabilities import softmax

__all__ = ["LabelledFeatures", "Ridge", "fit_ridge", "refit_ridge"]

PENALTIES = np.logspace(-4, 4, 17)
"""Penalties per feature; features are standardised."""

SHARPNESS = np.geomspace(0.5, 30.0, 25)
"""Factors of scores before the softmax."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """Rows to train on, or to choose the penalty on.

    Attributes:
        features: ``(n_rows, n_features)``.
        y: Class indices or values, ``(n_rows,)``.
        weight: Row weights, or None.
    """

    features: NDArray[Any]
    y: NDArray[Any]
    weight: Doubles | None

    @property
    def weights(self) -> Doubles:
        """Row weights of mean 1."""
        return np.ones(len(self.y)) if self.weight is None else self.weight / self.weight.mean()


@dataclass(frozen=True, slots=True)
class Ridge:
    """A fitted ridge regression, of a value or of +1 and -1 for each class.

    Attributes:
        mean, factor: Features are scaled to ``(x - mean) * factor``, ``(n_features,)`` each.
        coefficients: ``(n_features, n_outputs)``.
        intercept: ``(n_outputs,)``.
        penalty: One of ``PENALTIES``, or an average of them.
        sharpness: Factor of scores before the softmax; 0 for regression.
    """

    mean: NDArray[Any]
    factor: NDArray[Any]
    coefficients: NDArray[Any]
    intercept: NDArray[Any]
    penalty: float
    sharpness: float

    def predict(self, features: NDArray[Any]) -> Doubles:
        """Probabilities ``(n_rows, n_outputs)``, or values ``(n_rows,)``."""
        scores = ((features - self.mean) * self.factor) @ self.coefficients + self.intercept
        scores = np.asarray(scores, dtype=np.float64)
        return softmax(self.sharpness * scores) if self.sharpness else scores[:, 0]

    def state(self) -> dict[str, Any]:
        """Arrays and numbers to restore the model from."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Ridge:
        """Restores a model from its ``state``."""
        numbers = {name: float(state[name]) for name in ("penalty", "sharpness")}
        return cls(**{**state, **numbers})


def fit_ridge(train: LabelledFeatures, valid: LabelledFeatures, n_classes: int) -> Ridge:
    """Fits with the penalty, and for classes the sharpness, that are best on validation rows.

    Leave-one-out errors would cost as little, but are biased by copies of rows and by groups.

    Args:
        train: Training rows.
        valid: Validation rows.
        n_classes: 0 for regression.
    """
    path = _Path(train, n_classes)
    best = (np.inf, float(PENALTIES[-1]), 1.0)
    between = path.scaled(valid.features) @ path.X.T @ path.left
    for penalty in PENALTIES.tolist():
        scores = between @ path.shrunk(penalty) + path.intercept
        loss, sharpness = _loss(scores, valid, n_classes)
        if loss < best[0]:
            best = (loss, penalty, sharpness)
    return path.ridge(best[1], best[2])


def refit_ridge(train: LabelledFeatures, n_classes: int, models: Sequence[Ridge]) -> Ridge:
    """Fits all rows, with the average penalty and sharpness of the folds.

    Args:
        train: All rows.
        n_classes: 0 for regression.
        models: Models of the folds.
    """
    penalty = float(np.exp(np.mean([np.log(model.penalty) for model in models])))
    return _Path(train, n_classes).ridge(penalty, float(np.mean([m.sharpness for m in models])))


class _Path:
    """Solutions for all penalties from one decomposition of the training rows."""

    def __init__(self, train: LabelledFeatures, n_classes: int) -> None:
        features, w = train.features, train.weights
        self.n_classes = n_classes
        self.mean = np.average(features, axis=0, weights=w)
        deviation = np.sqrt(np.average((features - self.mean) ** 2, axis=0, weights=w))
        varies = deviation > 1e-6
        self.factor = np.divide(1.0, deviation, out=np.zeros(len(deviation)), where=varies)
        y = 2.0 * np.eye(n_classes)[train.y] - 1.0 if n_classes else train.y[:, np.newaxis]
        self.intercept: Doubles = np.average(y, axis=0, weights=w)
        root = np.sqrt(w)[:, np.newaxis]
        self.X = root * self.scaled(features)
        self.left, self._singular = _left_vectors(self.X)
        self._projected = self.left.T @ (root * (y - self.intercept))

    def scaled(self, features: NDArray[Any]) -> Doubles:
        """Standardised features."""
        return np.asarray((features - self.mean) * self.factor, dtype=np.float64)

    def shrunk(self, penalty: float) -> Doubles:
        """Factor of ``X.T @ left`` that gives the coefficients, ``(rank, n_outputs)``."""
        added = penalty * self.X.shape[1]
        return np.asarray(self._projected / (self._singular**2 + added)[:, np.newaxis])

    def ridge(self, penalty: float, sharpness: float) -> Ridge:
        """The solution for one penalty."""
        coefficients = self.X.T @ (self.left @ self.shrunk(penalty))
        return Ridge(
            mean=self.mean.astype(np.float32),
            factor=self.factor.astype(np.float32),
            coefficients=coefficients.astype(np.float32),
            intercept=self.intercept,
            penalty=penalty,
            sharpness=sharpness if self.n_classes else 0.0,
        )


def _left_vectors(X: Doubles) -> tuple[Doubles, Doubles]:
    """Left singular vectors ``(n_rows, rank)`` and values, from the smaller Gram matrix."""
    if X.shape[0] <= X.shape[1]:
        squares, left = np.linalg.eigh(X @ X.T)
        kept = squares > squares[-1] * 1e-10
        return left[:, kept], np.sqrt(squares[kept])
    squares, right = np.linalg.eigh(X.T @ X)
    kept = squares > squares[-1] * 1e-10
    singular = np.sqrt(squares[kept])
    return X @ (right[:, kept] / singular), singular


def _loss(scores: Doubles, valid: LabelledFeatures, n_classes: int) -> tuple[float, float]:
    """Loss of scores, and the sharpness that minimises it."""
    y, w = valid.y, valid.weights
    if not n_classes:
        return float(np.average((scores[:, 0] - y) ** 2, weights=w)), 0.0
    rows = np.arange(len(y))
    losses = [
        float(np.average(-np.log(softmax(s * scores)[rows, y] + 1e-12), weights=w))
        for s in SHARPNESS
    ]
    best = int(np.argmin(losses))
    return losses[best], float(SHARPNESS[best])
