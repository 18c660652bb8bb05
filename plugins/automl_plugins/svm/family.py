"""SVM family: kernel machines for few rows, Nyström features and a linear SVM for many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from automl.plugin import (
    CannotRefit,
    ConfigurableFamily,
    Encoding,
    Fold,
    IterativeFamily,
    ModelFamily,
    Param,
    Params,
    ProblemInfo,
    RefitIncomplete,
    RefittableFamily,
    Report,
    Resources,
    SelectiveFamily,
    Suggest,
    TrialContext,
    hookimpl,
)
from automl_plugins.common.fitting import FitClock, ignore_reports
from automl_plugins.common.memory import columns_gib
from automl_plugins.svm.model import SVMModel, load_svm, save_svm
from automl_plugins.svm.training import (
    CACHE_MIB,
    CHUNK_ROWS,
    MAX_CACHE_BYTES,
    fit_approximate,
    fit_exact,
    fit_one_class,
    n_components,
)

__all__ = ["SVM", "automl_model_families", "exact_fit_s"]

EXACT_ROWS = 10_000
"""Largest number of training rows for libsvm, whose cost grows with their square."""

EXACT_SECONDS = 30.0
"""Longest exact fit without a time limit."""

MAX_ROWS = 1_000_000
SOLVERS = ("auto", "exact", "approximate")


class SVM(ConfigurableFamily, IterativeFamily, RefittableFamily, SelectiveFamily):
    """Support vector machines with the radial basis function kernel."""

    name = "svm"
    preload = ("sklearn.svm", "sklearn.kernel_approximation", "sklearn.linear_model")
    fidelity = "epochs"
    priority = 40
    early_stopping = "staged"
    settings: ClassVar[Mapping[str, Any]] = {"solver": "auto"}
    setting_ranges: ClassVar[Mapping[str, Param]] = {"solver": Param("str", choices=SOLVERS)}

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips tables with more rows than the approximation can use."""
        if problem.n_rows > MAX_ROWS:
            return (
                f"the table has {problem.n_rows:,} rows; beyond {MAX_ROWS:,} an epoch of an svm "
                "takes minutes, which other families use better"
            )
        return None

    def resources(self, problem: ProblemInfo) -> Resources:
        """Cache of libsvm and the rows, or the mapped rows and two copies of a chunk of them."""
        columns = problem.n_numeric + 8 * problem.n_categorical + 32 * problem.n_text
        if problem.n_rows <= EXACT_ROWS:
            kept = min(CACHE_MIB * 2.0**20, 4.0 * problem.n_rows**2)
        else:
            n_mapped = n_components(problem.n_rows)
            kept = 4.0 * problem.n_rows * n_mapped
            kept = kept if kept <= MAX_CACHE_BYTES else 0.0  # else mapped in each epoch
            kept += 8.0 * CHUNK_ROWS * n_mapped
        rows_gib = (kept + 12.0 * problem.n_rows * columns) / 2**30
        return Resources(ram_gib=0.14 + rows_gib + columns_gib(problem))

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Scaled or quantile-normal numbers, one-hot categories, components and scores of text."""
        return Encoding(numeric=params["scaling"], categorical="onehot", text="svd", max_onehot=32)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Penalty, kernel width as a multiple of 1 / features, and scaling."""
        return {
            "C": suggest.suggest_float("C", 0.03, 3000.0, log=True),
            "gamma": suggest.suggest_float("gamma", 1e-3, 10.0, log=True),
            "scaling": suggest.suggest_categorical("scaling", ("standard", "quantile")),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """scikit-learn's defaults with both scalings, then larger and smaller penalties."""
        points = [(1.0, 1.0, "quantile"), (10.0, 0.3, "standard"), (100.0, 0.03, "quantile")]
        points += [(1.0, 0.3, "quantile"), (30.0, 2.0, "standard")]
        return [{"C": C, "gamma": gamma, "scaling": scaling} for C, gamma, scaling in points]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> SVMModel:
        """Fits exactly if rows are few and time allows, else approximately.

        Raises:
            TrialPruned: Raised by ``report``, which only the approximation calls.
        """
        clock = FitClock(context)
        if context.task.is_classification and len(np.unique(fold.y_train)) == 1:
            return fit_one_class(fold, context)
        gamma = params["gamma"] / fold.X_train.shape[1]
        if _is_exact(fold, context, clock.left_s()):
            return fit_exact(params["C"], gamma, fold, context)
        return fit_approximate(params["C"], gamma, fold, context, clock, report)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> SVMModel:
        """Fits all rows by the exact solver.

        Raises:
            CannotRefit: The approximation would be needed.
            RefitIncomplete: There is too little time for the exact solver.
        """
        if not _is_exact(fold, context, math.inf):
            raise CannotRefit("the approximation needs validation rows for early stopping")
        left_s = FitClock(context).left_s()
        if not _is_exact(fold, context, left_s):
            raise RefitIncomplete(f"too little time for its refit: {left_s:.2g} s left")
        return self.fit(params, fold, context, ignore_reports)

    def save(self, model: Any, path: Path) -> None:
        """Writes arrays and JSON."""
        save_svm(model, path)

    def load(self, path: Path) -> SVMModel:
        """Reads arrays and JSON."""
        return load_svm(path)


def _is_exact(fold: Fold, context: TrialContext, left_s: float) -> bool:
    """True if the exact solver is set, or takes a few seconds and fits into the time."""
    solver = context.settings["solver"]
    if solver != "auto":
        return bool(solver == "exact")
    n_rows, n_features = fold.X_train.shape
    limit_s = min(EXACT_SECONDS, left_s)
    return n_rows <= EXACT_ROWS and (
        exact_fit_s(n_rows, n_features, context.problem.n_classes) < limit_s
    )


def exact_fit_s(n_rows: int, n_features: int, n_classes: int) -> float:
    """Seconds of an exact fit with calibration: proportional to rows squared times features.

    Measured with libsvm of scikit-learn 1.9 on one core: 3.4 s for 10,000 rows of 30 features;
    several classes (one-vs-one) take about twice that, and calibration as much again.
    """
    one_fit_s = 1.2e-9 * n_rows**2 * (n_features + 10)
    return 2.0 * one_fit_s * (2.0 if n_classes > 2 else 1.0)


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [SVM()]
