"""Predicts with a support vector machine and calibrated probabilities, and stores it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Matrix, StageLog, TrialContext, load_estimator, save_estimator
from automl_plugins.common.fitting import load_arrays, save_arrays
from automl_plugins.common.probabilities import softmax, with_all_classes

__all__ = ["SVMModel", "SigmoidCalibration", "calibrate", "load_svm", "save_svm"]

CHUNK_ROWS = 5_000
"""Rows predicted at a time, which bounds the memory for kernel values."""


@dataclass(frozen=True, slots=True)
class SigmoidCalibration:
    """Maps decision values to predictions.

    Logistic regression on the decision values for classes (Platt scaling, 1999, or its multinomial
    form); mean and scale of the target for values.

    Attributes:
        coef: ``(n_outputs, n_decisions)``.
        intercept: ``(n_outputs,)``.
        classes: Indices of the classes seen in training; empty for regression.
        n_classes: Number of classes of the task; 0 for regression.
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    classes: NDArray[np.int64]
    n_classes: int

    def predict(self, decisions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)`` or values from ``(n_rows, n_decisions)``."""
        from scipy.special import expit

        sums = decisions @ self.coef.T + self.intercept
        if not self.n_classes:
            return np.asarray(sums[:, 0])
        if len(self.classes) == 2:
            positive = expit(sums[:, 0])
            return with_all_classes(
                np.column_stack((1 - positive, positive)), self.classes, self.n_classes
            )
        return with_all_classes(softmax(sums), self.classes, self.n_classes)


@dataclass(frozen=True, slots=True)
class SVMModel:
    """A kernel machine, exact or on Nyström features.

    Attributes:
        machine: scikit-learn's SVC or SVR, or the Nyström map; None if there is one class.
        coef: Coefficients of the features ``(n_decisions, n_components)``; empty if exact.
        intercept: ``(n_decisions,)``; empty if exact.
        calibration: Maps decision values to predictions.
        stages: Stage logs of validation predictions; only after gradient descent.
    """

    machine: Any
    coef: NDArray[np.float32]
    intercept: NDArray[np.float64]
    calibration: SigmoidCalibration
    stages: tuple[StageLog, ...] = ()

    @property
    def is_exact(self) -> bool:
        """True unless the machine uses Nyström features."""
        return self.coef.size == 0

    def decision(self, X: Matrix) -> NDArray[np.float64]:
        """Decision values ``(n_rows, n_decisions)``."""
        if self.machine is None:
            return np.zeros((X.shape[0], 1))
        starts = range(0, max(1, X.shape[0]), CHUNK_ROWS)
        return np.concatenate([self._decide(np.asarray(X[i : i + CHUNK_ROWS])) for i in starts])

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, or values ``(n_rows,)``."""
        return self.calibration.predict(self.decision(X))

    def _decide(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        if not len(X):
            return np.empty((0, self.calibration.coef.shape[1]))
        if not self.is_exact:
            return np.asarray(self.machine.transform(X) @ self.coef.T + self.intercept, np.float64)
        is_classifier = self.calibration.n_classes > 0
        values = self.machine.decision_function(X) if is_classifier else self.machine.predict(X)
        return np.asarray(values, np.float64).reshape(len(X), -1)


def calibrate(
    decisions: NDArray[np.float64],
    y: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
    classes: NDArray[np.int64],
    context: TrialContext,
) -> SigmoidCalibration:
    """Fits the calibration on decision values of rows that the machine was not trained on.

    Args:
        decisions: ``(n_rows, n_decisions)``.
        y: Class indices ``(n_rows,)``.
        weight: Row weights ``(n_rows,)``, or None.
        classes: All classes of the machine; those without a row keep a low probability.
        context: Provides the task.
    """
    from sklearn.linear_model import LogisticRegression

    n_classes = context.problem.n_classes
    scale = float(decisions.std()) or 1.0
    seen = np.unique(y)
    n_outputs = 1 if len(classes) == 2 else len(classes)
    if len(seen) < len(classes) and (len(seen) < 2 or len(classes) == 2):
        # Too few rows to calibrate on: decision values are used unchanged.
        coef = np.eye(n_outputs, decisions.shape[1])
        return SigmoidCalibration(coef, np.zeros(n_outputs), classes, n_classes)
    logistic = LogisticRegression(C=10.0, max_iter=1000).fit(decisions / scale, y, weight)
    coef, intercept = logistic.coef_ / scale, logistic.intercept_
    if len(seen) < len(classes):
        all_coef = np.zeros((n_outputs, decisions.shape[1]))
        all_intercept = np.full(n_outputs, float(intercept.min()) - 3.0)
        if len(seen) == 2:
            coef, intercept = np.vstack((-coef / 2, coef / 2)), np.array([-1, 1]) * intercept / 2
        rows = np.searchsorted(classes, seen)
        all_coef[rows], all_intercept[rows] = coef, intercept
        coef, intercept = all_coef, all_intercept
    return SigmoidCalibration(coef, intercept, classes, n_classes)


def save_svm(model: SVMModel, path: Path) -> None:
    """Writes a model into a directory, without pickle."""
    save_estimator(model.machine, path, "machine")
    calibration = model.calibration
    save_arrays(
        path,
        coef=model.coef,
        intercept=model.intercept,
        calibration_coef=calibration.coef,
        calibration_intercept=calibration.intercept,
        classes=calibration.classes,
        n_classes=calibration.n_classes,
    )


def load_svm(path: Path) -> SVMModel:
    """Reads the model written by ``save_svm``."""
    arrays = load_arrays(path)
    calibration = SigmoidCalibration(
        arrays["calibration_coef"],
        arrays["calibration_intercept"],
        arrays["classes"],
        int(arrays["n_classes"]),
    )
    machine = load_estimator(path, "machine")
    return SVMModel(machine, arrays["coef"], arrays["intercept"], calibration)
