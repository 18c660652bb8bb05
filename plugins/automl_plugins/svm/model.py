"""A support vector machine with calibrated probabilities: what predicts, and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Matrix, StageLog, TrialContext, load_estimator, save_estimator
from automl_plugins.common.fitting import load_arrays, save_arrays
from automl_plugins.common.probabilities import softmax, with_all_classes

__all__ = ["Calibration", "SVMModel", "calibrate", "load_svm", "save_svm"]

CHUNK_ROWS = 5_000
"""Rows predicted at a time: bounds the kernel values in memory."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns decision values into predictions.

    For classes a logistic regression on the decision values: with two classes that is Platt's
    scaling (1999), with more its multinomial form. For values the scale of the target.

    Attributes:
        coef: ``(n_outputs, n_decisions)``.
        intercept: ``(n_outputs,)``.
        classes: Indices of the classes that were seen; empty for regression.
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
    """A kernel machine, exact or in the features of a kernel approximation.

    Attributes:
        machine: scikit-learn's SVC or SVR, or the Nyström map; None where there is one class.
        coef: In the features of the map ``(n_decisions, n_components)``; empty for an exact one.
        intercept: ``(n_decisions,)``; empty for an exact one.
        calibration: From decision values to predictions.
        stages: What it predicted for the validation rows on the way, of one that was just fitted
            by gradient descent.
    """

    machine: Any
    coef: NDArray[np.float32]
    intercept: NDArray[np.float64]
    calibration: Calibration
    stages: tuple[StageLog, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether all training rows could become support vectors."""
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
) -> Calibration:
    """Fits the calibration on decision values of rows that the machine has not seen.

    Args:
        decisions: ``(n_rows, n_decisions)``.
        y: Their class indices ``(n_rows,)``.
        weight: Their weights ``(n_rows,)``, or None.
        classes: All classes the machine tells apart; those without a row keep a low weight.
        context: The task.
    """
    from sklearn.linear_model import LogisticRegression

    n_classes = context.shape.n_classes
    scale = float(decisions.std()) or 1.0
    seen = np.unique(y)
    n_outputs = 1 if len(classes) == 2 else len(classes)
    if len(seen) < len(classes) and (len(seen) < 2 or len(classes) == 2):
        # Too few rows to calibrate on: the decision values as they are.
        coef = np.eye(n_outputs, decisions.shape[1])
        return Calibration(coef, np.zeros(n_outputs), classes, n_classes)
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
    return Calibration(coef, intercept, classes, n_classes)


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
    """Reads what ``save_svm`` wrote."""
    arrays = load_arrays(path)
    calibration = Calibration(
        arrays["calibration_coef"],
        arrays["calibration_intercept"],
        arrays["classes"],
        int(arrays["n_classes"]),
    )
    machine = load_estimator(path, "machine")
    return SVMModel(machine, arrays["coef"], arrays["intercept"], calibration)
