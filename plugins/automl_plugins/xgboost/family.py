"""XGBoost family: gradient-boosted trees (Chen & Guestrin, KDD 2016, arXiv 1603.02754)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    ConfigurableFamily,
    FittedModel,
    Fold,
    IterativeFamily,
    Matrix,
    ModelFamily,
    Param,
    Params,
    ProblemInfo,
    RefittableFamily,
    Report,
    Resources,
    StageLog,
    Suggest,
    Task,
    TrialContext,
    hookimpl,
)
from automl_plugins.common.boosting import refit_rounds, threads_to_predict
from automl_plugins.common.constraints import MONOTONE
from automl_plugins.common.fitting import predict_threads
from automl_plugins.xgboost.params import extra_params, library_params
from automl_plugins.xgboost.training import as_prediction, train, train_rounds

__all__ = ["XGBoost", "XGBoostModel", "automl_model_families"]


GPU_ROWS = 200_000
"""Rows from which a GPU is worth copying the data."""

_NAMES = (
    "learning_rate",
    "max_depth",
    "max_leaves",
    "grow_policy",
    "min_child_weight",
    "reg_alpha",
    "reg_lambda",
    "subsample",
    "colsample_bylevel",
    "colsample_bynode",
    "max_cat_to_onehot",
)
_D, _L = "depthwise", "lossguide"
MOST_LEAVES = 1024
"""Leaf limit that never binds, so that the depth is the only limit."""

# The library's defaults at half its learning rate; then "r171" and "r40" of AutoGluon's portfolio
# of 2025 (learned on TabArena), and places 8, 57 and 22 of its portfolio of 2023 (on TabRepo,
# arXiv 2311.02971), with columns sampled per level instead of per tree.
_CONFIGS: tuple[tuple[Any, ...], ...] = (
    (0.05, 6, MOST_LEAVES, _D, 1.0, 1e-4, 1.0, 1.0, 1.0, 1.0, 8),
    (0.0068, 6, 10, _L, 0.051, 4.24, 1.48, 0.966, 0.921, 0.644, 8),
    (0.0112, 10, 35, _L, 0.14, 3.5, 1.31, 0.695, 0.638, 0.924, 33),
    (0.0181, 10, MOST_LEAVES, _D, 0.603, 1e-4, 1.0, 1.0, 0.692, 1.0, 8),
    (0.0384, 7, MOST_LEAVES, _D, 0.556, 1e-4, 1.0, 1.0, 0.745, 1.0, 8),
    (0.0929, 7, MOST_LEAVES, _D, 0.804, 1e-4, 1.0, 1.0, 0.909, 1.0, 8),
)


@dataclass(frozen=True, slots=True)
class XGBoostModel:
    """A trained booster.

    Attributes:
        booster: The ``xgboost.Booster``, cut at the best round; set to predict with one thread.
        task: Task of the model.
        n_threads: Largest number of threads to predict with.
        stages: Stage logs of validation predictions; only after a fit.
    """

    booster: Any
    task: Task
    n_threads: int
    stages: tuple[StageLog, ...] = ()

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, or values ``(n_rows,)``."""
        n_threads = threads_to_predict(
            X.shape[0], self.booster.num_boosted_rounds(), self.n_threads
        )
        if n_threads == 1:  # setting the parameter takes as long as predicting a row
            return self._predict(X)
        self.booster.set_param({"nthread": n_threads})
        try:
            return self._predict(X)
        finally:
            self.booster.set_param({"nthread": 1})

    def _predict(self, X: Matrix) -> NDArray[np.float64]:
        return as_prediction(self.booster.inplace_predict(np.asarray(X)), self.task)


class XGBoost(ConfigurableFamily, IterativeFamily, RefittableFamily):
    """Gradient-boosted trees on raw values and category codes."""

    name = "xgboost"
    extra = "xgboost"
    preload = ("xgboost",)
    fidelity = "rounds"
    priority = 60
    early_stopping = "staged"
    settings: ClassVar[Mapping[str, Any]] = {"max_rounds": 10_000, "max_bin": 256}
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_rounds": Param("int", low=1, high=1_000_000),
        "max_bin": Param("int", low=2, high=65_535),
    }

    def resources(self, problem: ProblemInfo) -> Resources:
        """Binned rows, gradients and histograms; a GPU only for many rows."""
        n_outputs = max(1, problem.n_classes if problem.task is Task.MULTICLASS else 1)
        data = 6.0 * problem.n_rows * problem.n_columns + 24.0 * problem.n_rows * n_outputs
        # Up to 512 nodes; measured: 2,000 x 4,000 took 1,223 MiB with 32 leaves, 63 nodes.
        n_bins, n_nodes = min(256, problem.n_rows), min(512, 2 * problem.n_rows)
        histograms = 16.0 * n_bins * problem.n_columns * n_nodes
        ram_gib = (150e6 + data + histograms) / 2**30
        many = problem.n_rows >= GPU_ROWS
        if many and problem.n_gpus and _runs_on_gpus():
            return Resources(ram_gib=0.5 + ram_gib, n_gpus=0.5, vram_gib=0.5 + ram_gib)
        n_cpus = min(4, problem.n_cpus) if many and problem.n_cpus > 2 else 1
        return Resources(n_cpus=n_cpus, ram_gib=ram_gib)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The space of TabArena (arXiv 2506.16791)."""
        params = {
            "learning_rate": suggest.suggest_float("learning_rate", 0.005, 0.1, log=True),
            "max_depth": suggest.suggest_int("max_depth", 4, 10, log=True),
            "max_leaves": suggest.suggest_int("max_leaves", 8, MOST_LEAVES, log=True),
            "grow_policy": suggest.suggest_categorical("grow_policy", (_D, _L)),
            "min_child_weight": suggest.suggest_float("min_child_weight", 0.001, 5.0, log=True),
            "reg_alpha": suggest.suggest_float("reg_alpha", 1e-4, 5.0),
            "reg_lambda": suggest.suggest_float("reg_lambda", 1e-4, 5.0),
            "subsample": suggest.suggest_float("subsample", 0.6, 1.0),
            "colsample_bylevel": suggest.suggest_float("colsample_bylevel", 0.6, 1.0),
            "colsample_bynode": suggest.suggest_float("colsample_bynode", 0.6, 1.0),
        }
        if problem.n_categorical:
            params["max_cat_to_onehot"] = suggest.suggest_int("max_cat_to_onehot", 8, 100, log=True)
        return params

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """The library's defaults at a lower rate, then configs learned on many data sets."""
        names = _NAMES if problem.n_categorical else _NAMES[:-1]
        return [dict(zip(names, row, strict=False)) for row in _CONFIGS]

    def extra_params(self, problem: ProblemInfo) -> Mapping[str, Param]:
        """XGBoost's parameters that a user may fix, or may not, with the reason."""
        return extra_params(problem)

    def fit(
        self, params: Params, fold: Fold, context: TrialContext, report: Report
    ) -> XGBoostModel:
        """Boosts with early stopping on the run's metric.

        Raises:
            TrialPruned: Raised by ``report``.
        """
        booster, stages = train(_library_params(params, fold, context), fold, context, report)
        return replace(_model(booster, context.task, context.n_threads), stages=stages)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> FittedModel:
        """Boosts all rows to the stage of the folds, with fewer and larger steps."""
        boosters = [model.booster for model in models]
        rates = [float(b.attr("learning_rate") or params["learning_rate"]) for b in boosters]
        booster_params = _library_params(params, fold, context)
        counts = [booster.num_boosted_rounds() for booster in boosters]
        rounds, booster_params["learning_rate"] = refit_rounds(counts, rates, context)
        booster = train_rounds(booster_params, rounds, fold, context)
        return _model(booster, context.task, context.n_threads)

    def save(self, model: Any, path: Path) -> None:
        """Writes XGBoost's binary JSON, which contains no code."""
        model.booster.save_model(path / f"{model.task}.ubj")

    def load(self, path: Path) -> XGBoostModel:
        """Reads XGBoost's binary JSON."""
        import xgboost as xgb

        (file,) = path.glob("*.ubj")
        booster = xgb.Booster(model_file=file)
        return _model(booster, Task(file.stem), predict_threads())


def _model(booster: Any, task: Task, n_threads: int) -> XGBoostModel:
    booster.set_param({"device": "cpu", "nthread": 1})
    return XGBoostModel(booster, task, n_threads)


def _library_params(params: Params, fold: Fold, context: TrialContext) -> dict[str, Any]:
    return {
        **library_params(params, fold.features, context.problem),
        **_objective(params, context),
        "tree_method": "hist",
        "device": context.device,
        "seed": context.seed % 2**31,
        "nthread": context.n_threads,
        "verbosity": 0,
    }


def _objective(params: Params, context: TrialContext) -> dict[str, Any]:
    if context.task is Task.BINARY:
        return {"objective": "binary:logistic"}
    if context.task is Task.MULTICLASS:
        return {"objective": "multi:softprob", "num_class": context.problem.n_classes}
    # For absolute errors leaf values are refitted, which would violate constraints.
    absolute = context.metric.optimum == "median" and MONOTONE not in params
    return {"objective": "reg:absoluteerror" if absolute else "reg:squarederror"}


def _runs_on_gpus() -> bool:
    """True if the GPU distribution ``xgboost`` is installed, rather than ``xgboost-cpu``."""
    try:
        version("xgboost")
    except PackageNotFoundError:
        return False
    return True


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [XGBoost()]
