"""LightGBM family: gradient-boosted trees (Ke et al., NeurIPS 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    ConfigurableFamily,
    Encoding,
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
from automl_plugins.common.fitting import ignore_reports, predict_threads
from automl_plugins.common.generated_columns import (
    MOST_COLUMNS,
    available_choice,
    generated_view,
    suggest_generated,
)
from automl_plugins.common.probabilities import softmax
from automl_plugins.common.quantile_models import (
    QuantileModels,
    fit_levels,
    load_levels,
    save_levels,
)
from automl_plugins.lightgbm.memory import HISTOGRAM_MIB, histogram_bytes, most_leaves
from automl_plugins.lightgbm.params import (
    BINNING,
    DEFAULT_BINS,
    extra_params,
    library_params,
    needs_squares,
)
from automl_plugins.lightgbm.portfolio import portfolio
from automl_plugins.lightgbm.training import learning_rate_of, train, train_rounds

__all__ = ["LightGBM", "LightGBMModel", "automl_model_families"]

CHUNK_ROWS = 100_000
"""Rows predicted at a time, because LightGBM copies its input."""

TREES_AT_ONCE = 15
FEW_ROWS = 500
"""With fewer rows, predicting some trees at a time costs more than it saves."""


@dataclass(frozen=True, slots=True)
class LightGBMModel:
    """A trained booster.

    Attributes:
        text: Model in LightGBM's text format, cut at the best round.
        booster: The loaded model.
        is_binary: True if the only output is the probability of class 1.
        n_threads: Largest number of threads to predict with.
        stages: Stage logs of validation predictions; only after a fit.
    """

    text: str
    booster: Any
    is_binary: bool
    n_threads: int
    stages: tuple[StageLog, ...] = ()

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, or values ``(n_rows,)``."""
        starts = range(0, max(1, X.shape[0]), CHUNK_ROWS)
        scores = np.concatenate([self._scores(np.asarray(X[i : i + CHUNK_ROWS])) for i in starts])
        if self.is_binary:
            second = 0.5 + 0.5 * np.tanh(0.5 * scores)  # logistic function without overflow
            return np.column_stack((1.0 - second, second))
        if scores.ndim == 1:
            return scores
        return softmax(scores)

    def _scores(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sums of the trees' values, ``(n_rows,)`` or ``(n_rows, n_classes)``.

        LightGBM predicts row by row with all trees, which do not fit into the cache of a core.
        Predicting all rows with some trees at a time takes half the time or less.
        """
        booster, n_rows = self.booster, X.shape[0]
        n_trees, n_outputs = booster.num_trees(), booster.num_model_per_iteration()
        n_threads = threads_to_predict(n_rows, n_trees, self.n_threads)
        n_rounds = n_trees // n_outputs
        step = max(1, TREES_AT_ONCE // n_outputs if n_rows >= FEW_ROWS else n_rounds)
        parts = (
            booster.predict(
                X,
                raw_score=True,
                start_iteration=start,
                num_iteration=step,
                num_threads=n_threads,
            )
            for start in range(0, n_rounds, step)
        )
        return np.asarray(sum(parts))


class LightGBM(ConfigurableFamily, IterativeFamily, RefittableFamily):
    """Gradient-boosted trees on raw values, category codes and generated columns."""

    name = "lightgbm"
    tasks = frozenset(Task)
    preload = ("lightgbm",)
    fidelity = "rounds"
    priority = 90
    early_stopping = "staged"
    settings: ClassVar[Mapping[str, Any]] = {"max_rounds": 10_000, "max_bin": DEFAULT_BINS}
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_rounds": Param("int", low=1, high=1_000_000),
        "max_bin": Param("int", low=2, high=65_535),
    }

    def resources(self, problem: ProblemInfo) -> Resources:
        """Rows, bins, predictions and histograms; several threads only for many rows."""
        n_outputs = max(1, problem.n_classes if problem.task is Task.MULTICLASS else 1)
        n_columns = problem.n_columns + (
            0 if available_choice("all", problem) == "none" else MOST_COLUMNS
        )
        data = 6.0 * problem.n_rows * n_columns
        histograms = histogram_bytes(problem, n_columns, problem.settings["max_bin"])
        trees = 2_000 * 64 * 100.0 * n_outputs
        bytes_ = 50e6 + data + 24.0 * problem.n_rows * n_outputs + histograms + trees
        many = problem.n_rows >= 200_000 and problem.n_cpus > 2
        return Resources(n_cpus=min(4, problem.n_cpus) if many else 1, ram_gib=bytes_ / 2**30)

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Raw values and category codes, with the generated columns of the params."""
        return generated_view(params)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The space of TabArena (arXiv 2506.16791), with more leaves for many rows."""
        params = {
            "learning_rate": suggest.suggest_float("learning_rate", 0.005, 0.1, log=True),
            "num_leaves": suggest.suggest_int("num_leaves", 2, most_leaves(problem), log=True),
            "extra_trees": suggest.suggest_categorical("extra_trees", (False, True)),
            "feature_fraction": suggest.suggest_float("feature_fraction", 0.4, 1.0),
            "bagging_fraction": suggest.suggest_float("bagging_fraction", 0.7, 1.0),
            "min_data_in_leaf": suggest.suggest_int("min_data_in_leaf", 1, 64, log=True),
            "lambda_l1": suggest.suggest_float("lambda_l1", 0.0, 1.0),
            "lambda_l2": suggest.suggest_float("lambda_l2", 0.0, 2.0),
        }
        if problem.n_categorical:
            params |= {
                "cat_l2": suggest.suggest_float("cat_l2", 0.005, 2.0, log=True),
                "cat_smooth": suggest.suggest_float("cat_smooth", 0.001, 100.0, log=True),
                "max_cat_to_onehot": suggest.suggest_int("max_cat_to_onehot", 8, 100, log=True),
                "min_data_per_group": suggest.suggest_int("min_data_per_group", 2, 100, log=True),
            }
        return params | suggest_generated(suggest, problem)

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A regularised default, then AutoGluon's learned configs, ordered by data size."""
        return portfolio(problem)

    def extra_params(self, problem: ProblemInfo) -> Mapping[str, Param]:
        """LightGBM's parameters that a user may fix, or may not, with the reason."""
        return extra_params(problem)

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Boosts with early stopping on the run's metric; quantiles level by level.

        Raises:
            TrialPruned: Raised by ``report``, which single levels do not call.
        """
        if context.task is not Task.QUANTILE:
            return self._boost(params, fold, context, report)
        return fit_levels(lambda _, slot: self._boost(params, fold, slot, ignore_reports), context)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> FittedModel:
        """Boosts all rows to the stage of the folds, with fewer and larger steps."""
        if context.task is not Task.QUANTILE:
            return self._boost_again(params, fold, context, models)

        def refit_level(number: int, slot: TrialContext) -> FittedModel:
            return self._boost_again(params, fold, slot, [m.models[number] for m in models])

        return fit_levels(refit_level, context)

    def _boost(
        self, params: Params, fold: Fold, context: TrialContext, report: Report
    ) -> LightGBMModel:
        booster_params, dataset_params = self._library_params(params, fold, context)
        max_rounds = context.settings["max_rounds"]
        text, stages = train(booster_params, dataset_params, max_rounds, fold, context, report)
        model = _model(text, context.task is Task.BINARY, context.n_threads)
        return replace(model, stages=stages)

    def _boost_again(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> LightGBMModel:
        booster_params, dataset_params = self._library_params(params, fold, context)
        rounds, booster_params["learning_rate"] = refit_rounds(
            [model.booster.current_iteration() for model in models],
            [learning_rate_of(model.text) for model in models],
            context,
        )
        text = train_rounds(booster_params, dataset_params, rounds, fold, context)
        return _model(text, context.task is Task.BINARY, context.n_threads)

    def _library_params(
        self, params: Params, fold: Fold, context: TrialContext
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters of the booster and of the binned data."""
        own = library_params(params, fold.features, context.problem)
        if "min_data_in_leaf" not in (context.settings.get("fixed") or {}):
            # A leaf must be able to hold that many rows on small data too.
            most = max(1, len(fold.y_train) // 20)
            own["min_data_in_leaf"] = max(1, min(own["min_data_in_leaf"], most))
        booster_params = {
            "bagging_freq": 1,
            **{name: value for name, value in own.items() if name not in BINNING},
            **_objective(params, context),
            "metric": "None",
            "seed": context.seed % 2**31,
            "num_threads": context.n_threads,
            "deterministic": True,
            "force_col_wise": True,
            "histogram_pool_size": HISTOGRAM_MIB,
            "verbosity": -1,
        }
        dataset_params = {
            **{name: own[name] for name in BINNING if name in own},
            "max_bin": context.settings["max_bin"],
            # Trials with different min_data_in_leaf then share their binned data.
            "feature_pre_filter": False,
            # Trials share the binned data, so this seed must not depend on the trial.
            "data_random_seed": 1,
            "verbosity": -1,
        }
        return booster_params, dataset_params

    def save(self, model: Any, path: Path) -> None:
        """Writes LightGBM's text format."""
        if isinstance(model, QuantileModels):
            save_levels(model, path, self.save)
            return
        name = "binary.txt" if model.is_binary else "model.txt"
        (path / name).write_text(model.text, encoding="utf-8")

    def load(self, path: Path) -> FittedModel:
        """Reads LightGBM's text format."""
        levels = load_levels(path, self.load)
        if levels is not None:
            return levels
        is_binary = (path / "binary.txt").exists()
        file = path / ("binary.txt" if is_binary else "model.txt")
        n_threads = predict_threads()
        return _model(file.read_text(encoding="utf-8"), is_binary, n_threads)


def _objective(params: Params, context: TrialContext) -> dict[str, Any]:
    if context.task is Task.BINARY:
        return {"objective": "binary"}
    if context.task is Task.MULTICLASS:
        return {"objective": "multiclass", "num_class": context.problem.n_classes}
    if context.task is Task.QUANTILE:
        (level,) = context.problem.quantiles
        return {"objective": "quantile", "alpha": level}
    absolute = context.metric.optimum == "median" and not needs_squares(params)
    return {"objective": "regression_l1" if absolute else "regression"}


def _model(text: str, is_binary: bool, n_threads: int) -> LightGBMModel:
    import lightgbm as lgb

    return LightGBMModel(text, lgb.Booster(model_str=text), is_binary, n_threads)


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [LightGBM()]
