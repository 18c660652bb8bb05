"""Stores a linear model as arrays, and trains one by stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Fold, Matrix, Report, StageLog, Task, TrialContext
from automl_plugins.common.fitting import FitClock, mean_and_std, total_weight
from automl_plugins.common.probabilities import softmax, with_all_classes
from automl_plugins.common.stopping import EpochStopping
from automl_plugins.linear.sgd import SoftmaxSGD

__all__ = ["LinearModel", "clipped", "fit_sgd", "make_linear_model"]

CHUNK_ROWS = 20_000
"""Rows per call of ``partial_fit`` and of predicting; the clock is read in between."""

MAX_EPOCHS = 50
PATIENCE_EPOCHS = 4
FEATURE_LIMIT = 10.0
"""Scaled features are clipped to this number of standard deviations, to limit extrapolation."""


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Coefficients and link function.

    Attributes:
        coef: ``(n_outputs, n_features)``, float32.
        intercept: ``(n_outputs,)``, float64.
        link: ``softmax``, ``sigmoid`` (one output, two classes), ``values`` or ``quantiles``.
        classes: Class indices of the outputs; empty for regression.
        n_classes: Number of classes of the task; 0 for regression.
        low, high: Bounds of predicted values, a tenth beyond the range of the target.
        stages: Stage logs of validation predictions; only after gradient descent.
    """

    coef: NDArray[np.float32]
    intercept: NDArray[np.float64]
    link: str
    classes: NDArray[np.int64]
    n_classes: int = 0
    low: float = -np.inf
    high: float = np.inf
    stages: tuple[StageLog, ...] = ()

    def decision(self, X: Matrix) -> NDArray[np.float64]:
        """Linear scores before the link, ``(n_rows, n_outputs)``."""
        # SIMD lanes without data may raise floating-point flags; callers check the results.
        with np.errstate(invalid="ignore", over="ignore"):
            parts = [
                np.asarray(clipped(X[i : i + CHUNK_ROWS]) @ self.coef.T, dtype=np.float64)
                for i in range(0, max(1, X.shape[0]), CHUNK_ROWS)
            ]
        return np.concatenate(parts) + self.intercept

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles."""
        from scipy.special import expit

        sums = self.decision(X)
        if self.link == "values":
            return np.clip(sums[:, 0], self.low, self.high)
        if self.link == "quantiles":
            return np.clip(sums, self.low, self.high)
        if self.link == "sigmoid":
            positive = expit(sums[:, 0])
            probabilities = np.column_stack((1 - positive, positive))
        else:
            probabilities = softmax(sums)
        return with_all_classes(probabilities, self.classes, self.n_classes)

    def state(self) -> dict[str, Any]:
        """Arrays and numbers to restore the model from."""
        names = (field.name for field in fields(self) if field.name != "stages")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]]) -> LinearModel:
        """Restores a model from its ``state``, read as arrays."""
        scalars = {name: array.item() for name, array in state.items() if array.ndim == 0}
        return cls(**{**state, **scalars})


def clipped(X: Matrix) -> Matrix:
    """Clips scaled features to ``FEATURE_LIMIT``; sparse ones are unchanged."""
    if isinstance(X, np.ndarray):
        return np.clip(X, -FEATURE_LIMIT, FEATURE_LIMIT)
    return X


def fit_sgd(
    C: float, fold: Fold, context: TrialContext, clock: FitClock, report: Report
) -> LinearModel:
    """Averaged stochastic gradient descent with early stopping on the validation rows.

    Minimises the logistic loss or the squared error, with an L2 penalty equal to ``C`` of the exact
    solvers. Coefficients are averaged (Polyak & Juditsky 1992), except for several classes.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    is_classification = context.task.is_classification
    scale = (0.0, 1.0) if is_classification else mean_and_std(fold.y_train, fold.weight_train)
    extra = {"classes": np.unique(fold.y_train)} if is_classification else {}
    sgd = _solver(C, fold, context, len(extra.get("classes", ())))
    stopping = EpochStopping(fold, context, report, PATIENCE_EPOCHS, MAX_EPOCHS)
    model = None
    for epoch in range(1, stopping.last_epoch + 1):
        for rows in _shuffled(len(fold.y_train), context.seed + epoch):
            y = (
                fold.y_train[rows]
                if is_classification
                else (fold.y_train[rows] - scale[0]) / scale[1]
            )
            weight = None if fold.weight_train is None else fold.weight_train[rows]
            sgd.partial_fit(clipped(fold.X_train[rows]), y, sample_weight=weight, **extra)
            if clock.left_s() <= 0:
                break
        candidate = _from_sgd(sgd, fold, context, scale)
        over = stopping.look(epoch, candidate.predict(fold.X_valid), clock.left_s() <= 0)
        if stopping.is_best or model is None:
            model = candidate
        if over:
            break
    assert model is not None  # at least one epoch
    return replace(model, stages=stopping.stages)


def _solver(C: float, fold: Fold, context: TrialContext, n_seen: int) -> Any:
    """Model with ``partial_fit`` for ``n_seen`` classes in the training rows."""
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    alpha = 1.0 / (C * total_weight(fold.weight_train, len(fold.y_train)))
    if n_seen > 2:
        return SoftmaxSGD(alpha)
    shared = {"alpha": alpha, "average": True, "random_state": context.seed % 2**32}
    if n_seen:
        return SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.02, **shared)
    return SGDRegressor(eta0=0.001, **shared)


def _from_sgd(
    sgd: Any, fold: Fold, context: TrialContext, scale: tuple[float, float]
) -> LinearModel:
    """Averaged coefficients of a scikit-learn SGD model, for the unscaled target."""
    mean, deviation = scale
    coef = np.atleast_2d(sgd.coef_) * deviation
    intercept = np.atleast_1d(sgd.intercept_) * deviation + mean
    return make_linear_model(coef, intercept, fold, context)


def make_linear_model(
    coef: NDArray[Any], intercept: NDArray[Any], fold: Fold, context: TrialContext
) -> LinearModel:
    """Creates a linear model from coefficients of any precision.

    Args:
        coef: ``(n_outputs, n_features)``.
        intercept: ``(n_outputs,)``.
        fold: Provides the classes, or the range of values.
        context: Provides the task.
    """
    coef, intercept = coef.astype(np.float32), intercept.astype(np.float64)
    if not context.task.is_classification:
        low, high = float(fold.y_train.min()), float(fold.y_train.max())
        margin = 0.1 * (high - low)
        none = np.empty(0, dtype=np.int64)
        link = "quantiles" if context.task is Task.QUANTILE else "values"
        return LinearModel(coef, intercept, link, none, 0, low - margin, high + margin)
    classes = np.unique(fold.y_train).astype(np.int64)
    link = "sigmoid" if len(classes) == 2 else "softmax"
    return LinearModel(coef, intercept, link, classes, context.problem.n_classes)


def _shuffled(n_rows: int, seed: int) -> Iterator[NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(n_rows)
    for start in range(0, n_rows, CHUNK_ROWS):
        yield order[start : start + CHUNK_ROWS]
