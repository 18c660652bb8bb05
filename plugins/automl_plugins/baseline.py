"""Baseline family: class frequencies, or the mean, median or quantiles of the target.

It is instant and always works, so every run has a predictor from its first second on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

__all__ = ["Baseline", "ConstantModel", "automl_model_families"]


@dataclass(frozen=True, slots=True)
class ConstantModel:
    """A constant prediction for every row.

    Attributes:
        value: Probabilities ``(n_classes,)``, quantiles ``(n_levels,)``, or the value as an array
            of shape ``()``.
    """

    value: NDArray[np.float64]

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Repeats the constant: ``(n_rows, n_outputs)`` or ``(n_rows,)``."""
        return np.broadcast_to(self.value, (X.shape[0], *self.value.shape)).copy()


class Baseline(RefittableFamily):
    """Constant predictions that ignore the features, like scikit-learn's DummyClassifier."""

    name = "baseline"
    tasks = frozenset(Task)
    priority = 100
    early_stopping = "none"

    def resources(self, problem: ProblemInfo) -> Resources:
        """Negligible memory."""
        return Resources(ram_gib=0.05)

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Drops every column."""
        return Encoding(numeric="drop", categorical="drop", text="drop")

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """An empty space."""
        return {}

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """The only point."""
        return ({},)

    def fit(
        self, params: Params, fold: Fold, context: TrialContext, report: Report
    ) -> ConstantModel:
        """Computes class frequencies, quantiles, the mean, or the median for absolute errors."""
        weight = fold.weight_train
        if context.task.is_classification:
            counts = np.bincount(fold.y_train, weights=weight, minlength=context.problem.n_classes)
            smoothed = counts + 1.0  # Laplace smoothing: no class gets probability 0
            return ConstantModel(smoothed / smoothed.sum())
        if context.task is Task.QUANTILE:
            return ConstantModel(_quantiles(fold, context.problem.quantiles))
        if context.metric.optimum == "median":
            return ConstantModel(np.asarray(_quantiles(fold, (0.5,))[0]))
        return ConstantModel(np.asarray(np.average(fold.y_train, weights=weight)))

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> ConstantModel:
        """Fits all rows."""
        return self.fit(params, fold, context, ignore_reports)

    def save(self, model: Any, path: Path) -> None:
        """Writes the constant."""
        save_arrays(path, value=model.value)

    def load(self, path: Path) -> ConstantModel:
        """Reads the constant."""
        return ConstantModel(load_arrays(path)["value"])


def _quantiles(fold: Fold, levels: Sequence[float]) -> NDArray[np.float64]:
    """Quantiles of the training target, ``(n_levels,)``."""
    weight = None if fold.weight_train is None else fold.weight_train[np.newaxis]
    found: NDArray[np.float64] = weighted_quantiles(fold.y_train[np.newaxis], weight, levels)[0]
    return found


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [Baseline()]
