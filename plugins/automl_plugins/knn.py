"""Nearest-neighbour family: weighted averages over the most similar training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    Encoding,
    Fold,
    Matrix,
    ModelFamily,
    Params,
    ProblemInfo,
    RefittableFamily,
    Report,
    Resources,
    SelectiveFamily,
    Suggest,
    Task,
    TrialContext,
    hookimpl,
)
from automl_plugins.common.fitting import (
    ignore_reports,
    load_arrays,
    save_arrays,
    weighted_quantiles,
)
from automl_plugins.common.memory import columns_gib

__all__ = ["KNN", "KNNModel", "automl_model_families"]

MAX_ROWS = 100_000
CHUNK_ROWS = 2_000
"""Rows predicted at a time, which bounds the memory for distances."""


@dataclass(frozen=True, slots=True)
class KNNModel:
    """The training rows with a search index.

    Attributes:
        X: ``(n_train, n_features)``, float32.
        y: Class indices or values ``(n_train,)``.
        weight: Row weights ``(n_train,)``.
        n_neighbors: Number of neighbours to average.
        by_distance: True if neighbours are weighted by 1 / distance.
        n_classes: Number of classes; 0 for regression.
        levels: Quantile levels; empty for other tasks.
        index: scikit-learn's search index over ``X``.
    """

    X: NDArray[np.float32]
    y: NDArray[Any]
    weight: NDArray[np.float64]
    n_neighbors: int
    by_distance: bool
    n_classes: int
    levels: NDArray[np.float64]
    index: Any = field(repr=False)

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles."""
        starts = range(0, X.shape[0], CHUNK_ROWS)
        parts = [self._predict_chunk(np.asarray(X[i : i + CHUNK_ROWS])) for i in starts]
        n_outputs = self.n_classes or len(self.levels)
        empty = np.empty((0, n_outputs) if n_outputs else 0)
        return np.concatenate(parts) if parts else empty

    def _predict_chunk(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        distance, rows = self.index.kneighbors(X, n_neighbors=self.n_neighbors)
        weight = self.weight[rows]
        if self.by_distance:
            # Avoids a division by 0 for equal rows; far below other distances.
            floor = 1e-6 + 1e-3 * distance.mean(axis=1, keepdims=True)
            weight = weight / np.maximum(distance, floor)
        if len(self.levels):
            return weighted_quantiles(self.y[rows], weight, self.levels.tolist())
        weight = weight / weight.sum(axis=1, keepdims=True)
        if not self.n_classes:
            return np.asarray((weight * self.y[rows]).sum(axis=1))
        cells = np.arange(len(X))[:, np.newaxis] * self.n_classes + self.y[rows]
        flat = np.bincount(cells.ravel(), weight.ravel(), minlength=len(X) * self.n_classes)
        return flat.astype(np.float64).reshape(len(X), self.n_classes)


class KNN(RefittableFamily, SelectiveFamily):
    """k nearest neighbours by Euclidean distance over scaled columns."""

    name = "knn"
    tasks = frozenset(Task)
    preload = ("sklearn.neighbors",)
    priority = 30
    early_stopping = "none"

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips tables for which predicting would be too slow."""
        if problem.n_rows > MAX_ROWS:
            return (
                f"the table has {problem.n_rows:,} rows; with more than {MAX_ROWS:,} knn is slow "
                "to predict, because it compares each row with all of them"
            )
        return None

    def resources(self, problem: ProblemInfo) -> Resources:
        """Memory of two copies of the rows."""
        columns = problem.n_numeric + 8 * problem.n_categorical + 32 * problem.n_text
        rows_gib = 8.0 * problem.n_rows * columns / 2**30
        return Resources(ram_gib=0.15 + rows_gib + columns_gib(problem))

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Scaled or quantile-normal numbers, one-hot categories, components and scores of text."""
        return Encoding(numeric=params["scaling"], categorical="onehot", text="svd", max_onehot=32)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Neighbours, weights and scaling, as in TabArena (arXiv 2506.16791)."""
        return {
            "n_neighbors": suggest.suggest_int("n_neighbors", 1, 200, log=True),
            "weights": suggest.suggest_categorical("weights", ("distance", "uniform")),
            "scaling": suggest.suggest_categorical("scaling", ("standard", "quantile")),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """20 neighbours weighted by distance, then fewer and more."""
        points = [(20, "standard"), (7, "quantile"), (50, "quantile"), (3, "standard")]
        return [{"n_neighbors": k, "weights": "distance", "scaling": s} for k, s in points]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> KNNModel:
        """Stores the training rows."""
        weight = np.ones(len(fold.y_train)) if fold.weight_train is None else fold.weight_train
        return _model(
            np.array(fold.X_train),
            np.array(fold.y_train),
            np.array(weight),
            min(params["n_neighbors"], len(fold.y_train)),
            params["weights"] == "distance",
            context.problem.n_classes if context.task.is_classification else 0,
            np.array(context.problem.quantiles),
        )

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> KNNModel:
        """Fits all rows."""
        return self.fit(params, fold, context, ignore_reports)

    def save(self, model: Any, path: Path) -> None:
        """Writes the training rows as arrays."""
        names = ("X", "y", "weight", "n_neighbors", "by_distance", "n_classes", "levels")
        save_arrays(path, **{name: getattr(model, name) for name in names})

    def load(self, path: Path) -> KNNModel:
        """Reads the training rows."""
        a = load_arrays(path)
        return _model(
            a["X"],
            a["y"],
            a["weight"],
            int(a["n_neighbors"]),
            bool(a["by_distance"]),
            int(a["n_classes"]),
            a["levels"],
        )


def _model(
    X: NDArray[np.float32],
    y: NDArray[Any],
    weight: NDArray[np.float64],
    n_neighbors: int,
    by_distance: bool,
    n_classes: int,
    levels: NDArray[np.float64],
) -> KNNModel:
    from sklearn.neighbors import NearestNeighbors

    # Trees are not faster than brute force beyond about ten columns.
    algorithm = "kd_tree" if X.shape[1] <= 8 else "brute"
    index = NearestNeighbors(algorithm=algorithm).fit(X)
    return KNNModel(X, y, weight, n_neighbors, by_distance, n_classes, levels, index)


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [KNN()]
