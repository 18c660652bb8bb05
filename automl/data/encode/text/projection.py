"""Projects a TF-IDF matrix to a few dense columns: SVD components and ridge scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, State
from automl.data.encode.columns.target import InnerFoldTarget
from automl.data.table import FloatArray, IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Projection", "fit_projection"]

MAX_COMPONENTS = 16
FEWEST_WORDS, WORDS_PER_COMPONENT = 4.0, 2.0
"""Components of short names and titles are noise to trees, so there are none up to four words on
average; longer texts get one component for every two further words."""

ROUNDING = 1e-6
"""Relative standard deviation up to which a column counts as constant."""

MAX_ROWS = 20_000
"""Largest number of training rows on which components and scores are fitted."""

PENALTY = 1.0
"""Penalty of the ridge regressions; the rows of the matrix have a norm of about 1."""

MAX_STEPS = 15
"""Iterations of the solver (LSQR, Paige & Saunders 1982): early stopping shrinks like a penalty."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A linear map from terms to columns.

    Attributes:
        weights: ``(n_columns, n_terms)``: components first, then scores.
        shift: Added to each column, ``(n_columns,)``.
        n_components: Number of components.
    """

    weights: NDArray[np.float32]
    shift: NDArray[np.float32]
    n_components: int

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column."""
        scores = range(len(self.weights) - self.n_components)
        return (*(f"svd{i}" for i in range(self.n_components)), *(f"score{i}" for i in scores))

    def apply(self, matrix: csr_matrix) -> NDArray[np.float32]:
        """Maps ``(n_rows, n_terms)`` to ``(n_rows, n_columns)``."""
        return np.asarray(matrix @ self.weights.T + self.shift, dtype=np.float32)

    def scaled(self, train: NDArray[np.float32]) -> tuple[Projection, NDArray[np.float32]]:
        """Scales components by one factor to mean variance 1, and each score to mean 0 and std 1.

        Args:
            train: Projected training rows, ``(n_rows, n_columns)``.

        Returns:
            The scaled projection, and the scaled training rows.
        """
        scale, offset = np.ones(len(self.weights)), np.zeros(len(self.weights))
        components, scores = train[:, : self.n_components], train[:, self.n_components :]
        if self.n_components:
            scale[: self.n_components] = np.sqrt(components.var(axis=0).mean())
        scale[self.n_components :] = scores.std(axis=0)
        scale[scale <= ROUNDING * np.abs(train).max(axis=0)] = 1.0
        offset[self.n_components :] = scores.mean(axis=0)
        weights = (self.weights / scale[:, None]).astype(np.float32)
        shift = ((self.shift - offset) / scale).astype(np.float32)
        columns = ((train - offset) / scale).astype(np.float32)
        return Projection(weights, shift, self.n_components), columns

    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""
        return {"n_components": self.n_components}, {"weights": self.weights, "shift": self.shift}

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Arrays) -> Projection:
        """Builds an equal one from the result of ``state``."""
        return cls(arrays["weights"], arrays["shift"], int(meta["n_components"]))


def fit_projection(
    matrix: csr_matrix, target: InnerFoldTarget, n_words: float, seed: int
) -> tuple[Projection, NDArray[np.float32]]:
    """Fits the projection on training rows.

    Args:
        matrix: TF-IDF of the training texts, ``(n_rows, n_terms)``.
        target: The target of the same rows.
        n_words: Mean number of words of a text, which sets the number of components.
        seed: Seed of the row sample and the decomposition.

    Returns:
        The projection, and the projected training rows, whose scores are out-of-fold so that the
        target of a row does not leak into its features.
    """
    rows = np.arange(matrix.shape[0])
    if len(rows) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MAX_ROWS, replace=False))
    n_components = round((n_words - FEWEST_WORDS) / WORDS_PER_COMPONENT)
    components = _components(matrix[rows], min(max(n_components, 0), MAX_COMPONENTS), seed)
    coef, intercept = _ridge(matrix[rows], target, rows)
    weights = np.concatenate([components, coef]).astype(np.float32)
    shift = np.concatenate([np.zeros(len(components)), intercept]).astype(np.float32)
    scores = _out_of_fold(matrix, rows, target)
    train = np.column_stack([matrix @ components.T, scores]).astype(np.float32)
    return Projection(weights, shift, len(components)), train


def _components(matrix: csr_matrix, n_components: int, seed: int) -> NDArray[np.float32]:
    """Components of the truncated SVD (LSA, Deerwester et al. 1990), or the terms if they are few.

    The largest weight of each component is positive.
    """
    n_rows, n_terms = matrix.shape
    if n_terms <= n_components:
        return np.eye(n_terms, dtype=np.float32)
    n_components = min(n_components, n_rows - 1)
    if n_components < 1:
        return np.empty((0, n_terms), dtype=np.float32)
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    # One thread: other folds are encoded in parallel, and sums must not depend on the cores.
    with threadpool_limits(1):
        _, _, components = randomized_svd(matrix, n_components, n_iter=3, random_state=seed)
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return np.asarray(components * signs[:, None], dtype=np.float32)


def _out_of_fold(matrix: csr_matrix, rows: IntArray, target: InnerFoldTarget) -> FloatArray:
    """Out-of-fold scores of each row, ``(n_rows, n_outputs)``."""
    scores = np.empty((matrix.shape[0], target.values.shape[1]))
    for part in np.unique(target.part):
        others = rows[target.part[rows] != part]
        if not len(others):  # a single row has no others to train on
            others = rows
        coef, shift = _ridge(matrix[others], target, others)
        own = target.part == part
        scores[own] = matrix[own] @ coef.T + shift
    return scores


def _ridge(
    matrix: csr_matrix, target: InnerFoldTarget, rows: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Coefficients ``(n_outputs, n_terms)`` and intercepts ``(n_outputs,)``."""
    from sklearn.linear_model import Ridge

    ridge = Ridge(PENALTY, solver="lsqr", max_iter=MAX_STEPS, tol=1e-3)
    values, weight = target.values[rows], target.weight[rows]
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    deviation[deviation == 0] = 1.0
    ridge.fit(matrix, (values - mean) / deviation, weight if weight.any() else None)
    coef = np.atleast_2d(ridge.coef_) * deviation[:, None]
    return coef, np.atleast_1d(ridge.intercept_) * deviation + mean
