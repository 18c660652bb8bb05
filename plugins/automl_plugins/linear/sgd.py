"""Multinomial logistic regression by Adam (Kingma & Ba 2015), for many rows and several classes.

scikit-learn's gradient descent fits each class against the rest, so probabilities do not add up to
1; this fits the classes jointly, also in one pass over the rows per epoch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Matrix
from automl_plugins.common.probabilities import softmax

__all__ = ["SoftmaxSGD"]

BATCH_ROWS = 64
STEP = 0.03
DECAYS = (0.9, 0.999)


class SoftmaxSGD:
    """Multinomial logistic regression with scikit-learn's ``partial_fit`` interface.

    Args:
        alpha: Weight of the L2 penalty, per row.

    Attributes:
        coef_: ``(n_classes, n_features)``.
        intercept_: ``(n_classes,)``.
    """

    def __init__(self, alpha: float) -> None:
        self._alpha, self._step = alpha, 0

    def partial_fit(
        self,
        X: Matrix,
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None,
        classes: NDArray[Any],
    ) -> None:
        """Takes one pass over the rows, in their order.

        Args:
            X: ``(n_rows, n_features)``, dense or CSR.
            y: Labels ``(n_rows,)``.
            sample_weight: ``(n_rows,)``, or None.
            classes: All labels, sorted.
        """
        if not self._step:
            self.coef_ = np.zeros((len(classes), X.shape[1]), dtype=np.float32)
            self.intercept_ = np.zeros(len(classes), dtype=np.float32)
            self._moments = [
                (np.zeros_like(a), np.zeros_like(a)) for a in (self.coef_, self.intercept_)
            ]
        codes = np.searchsorted(classes, y)
        for start in range(0, len(y), BATCH_ROWS):
            rows = slice(start, start + BATCH_ROWS)
            weight = None if sample_weight is None else sample_weight[rows]
            self._improve(X[rows], codes[rows], weight)

    def _improve(
        self, X: Matrix, codes: NDArray[np.int64], weight: NDArray[np.float64] | None
    ) -> None:
        error = softmax(X @ self.coef_.T + self.intercept_)
        error[np.arange(len(codes)), codes] -= 1.0
        if weight is not None:
            error *= weight[:, np.newaxis].astype(np.float32)
        error /= len(codes)
        self._step += 1
        gradients = ((X.T @ error).T + self._alpha * self.coef_, error.sum(axis=0))
        first, second = DECAYS
        # The step size decays like 1 / sqrt(number of batches), for convergence.
        size = STEP / np.sqrt(1 + self._step / 1_000)
        size *= np.sqrt(1 - second**self._step) / (1 - first**self._step)
        parameters = (self.coef_, self.intercept_)
        for value, gradient, (mean, square) in zip(
            parameters, gradients, self._moments, strict=True
        ):
            mean += (1 - first) * (gradient - mean)
            square += (1 - second) * (gradient**2 - square)
            value -= np.float32(size) * mean / (np.sqrt(square) + 1e-8)
