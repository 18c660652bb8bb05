"""CatBoost family: boosted symmetric trees with ordered target statistics of categories.

Prokhorenkova et al., NeurIPS 2018 (arXiv 1706.09516).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    CannotRefit,
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
    SelectiveFamily,
    StageLog,
    Suggest,
    Task,
    TrialContext,
    hookimpl,
)
from automl_plugins.baseline import Baseline, ConstantModel
from automl_plugins.catboost.params import extra_params, library_params, policies
from automl_plugins.catboost.rows import frame
from automl_plugins.catboost.training import train, train_rounds
from automl_plugins.common.boosting import refit_rounds
from automl_plugins.common.fitting import predict_threads

__all__ = ["CatBoost", "CatBoostModel", "automl_model_families"]

MANY_ROWS = 10_000
_CONSTANT = Baseline()
CLASSIFYING = frozenset({"Logloss", "MultiClass"})
MODEL_FILE, ROUNDS_FILE = "model.cbm", "rounds.json"
CATEGORICAL_PARAMS = ("one_hot_max_size", "max_ctr_complexity", "model_size_reg")

_NAMES = (
    "learning_rate",
    "depth",
    "grow_policy",
    "l2_leaf_reg",
    "subsample",
    "colsample_bylevel",
    "leaf_estimation_iterations",
    *CATEGORICAL_PARAMS,
)
_S, _D = "SymmetricTree", "Depthwise"
# The library's defaults; then "r51", "r10", "r24" and "r91" of AutoGluon's portfolio of 2025
# (learned on TabArena), and places 12 and 10 of its portfolio of 2023 (on TabRepo, arXiv
# 2311.02971), with the library's defaults for missing values. Simple target statistics come
# first: combinations of columns take several times as long.
_CONFIGS: tuple[tuple[Any, ...], ...] = (
    (0.05, 6, _S, 3.0, 0.8, 1.0, 1, 2, 1, 0.5),
    (0.0475, 4, _S, 0.0027, 0.8, 0.896, 12, 11, 5, 0.163),
    (0.0173, 8, _S, 3.33, 0.8, 1.0, 1, 10, 5, 0.5),
    (0.0169, 8, _D, 0.363, 0.812, 0.86, 5, 20, 4, 0.125),
    (0.0494, 4, _S, 4.56, 0.8, 1.0, 1, 3, 3, 0.5),
    (0.0058, 7, _S, 2.01, 0.81, 0.877, 2, 23, 4, 0.131),
    (0.0052, 6, _D, 1.82, 0.871, 0.899, 7, 53, 4, 0.525),
)


@dataclass(frozen=True, slots=True)
class CatBoostModel:
    """A trained CatBoost model.

    Attributes:
        booster: The ``catboost.CatBoost`` model.
        categorical: Positions of the columns with category codes.
        loss: CatBoost's name of the training loss.
        n_threads: Largest number of threads to predict with.
        n_rounds: Rounds to predict with, which may be fewer than trained; 0 for all.
        stages: Stage logs of validation predictions; only after a fit.
    """

    booster: Any
    categorical: tuple[int, ...]
    loss: str
    n_threads: int
    n_rounds: int = 0
    stages: tuple[StageLog, ...] = ()

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles."""
        kind = "Probability" if self.loss in CLASSIFYING else "RawFormulaVal"
        rows = frame(np.asarray(X), self.categorical)
        prediction = self.booster.predict(
            rows, prediction_type=kind, ntree_end=self.n_rounds, thread_count=self.n_threads
        )
        array = np.asarray(prediction, dtype=np.float64)
        return array[:, np.newaxis] if self.loss.startswith("Quantile") else array


class CatBoost(ConfigurableFamily, IterativeFamily, RefittableFamily, SelectiveFamily):
    """Boosted symmetric trees with ordered target statistics of categories."""

    name = "catboost"
    tasks = frozenset(Task)
    extra = "catboost"
    preload = ("catboost",)
    fidelity = "rounds"
    early_stopping = "staged"
    priority = 80
    settings: ClassVar[Mapping[str, Any]] = {"max_rounds": 10_000, "max_bin": 254}
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_rounds": Param("int", low=1, high=1_000_000),
        "max_bin": Param("int", low=1, high=65_535),
    }

    def priority_for(self, problem: ProblemInfo) -> int:
        """Lower for many rows, on which CatBoost takes longer than other boosters."""
        return self.priority if problem.n_rows <= MANY_ROWS else 55

    def resources(self, problem: ProblemInfo) -> Resources:
        """Borders, statistics of categories, and histograms of all leaves of a level."""
        n_classes = problem.n_classes if problem.task is Task.MULTICLASS else 1
        n_outputs = max(n_classes, len(problem.quantiles))
        data = 10.0 * problem.n_rows * problem.n_columns
        # 16 bytes per bin and leaf; measured: 2,000 x 4,000 took 4,062 MiB at depth 8.
        n_bins = min(254, max(1, problem.n_rows))
        histograms = 16.0 * 2**8 * problem.n_columns * n_bins * n_outputs
        bytes_ = 300e6 + data + 32.0 * problem.n_rows * n_outputs + histograms
        many = problem.n_rows >= 200_000 and problem.n_cpus > 2
        return Resources(n_cpus=min(4, problem.n_cpus) if many else 1, ram_gib=bytes_ / 2**30)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The space of TabArena (arXiv 2506.16791)."""
        params = {
            "learning_rate": suggest.suggest_float("learning_rate", 0.005, 0.1, log=True),
            "depth": suggest.suggest_int("depth", 4, 8),
            "grow_policy": suggest.suggest_categorical("grow_policy", policies(problem)),
            "l2_leaf_reg": suggest.suggest_float("l2_leaf_reg", 1e-4, 5.0, log=True),
            "subsample": suggest.suggest_float("subsample", 0.7, 1.0),
            "colsample_bylevel": suggest.suggest_float("colsample_bylevel", 0.85, 1.0),
            "leaf_estimation_iterations": suggest.suggest_int(
                "leaf_estimation_iterations", 1, 20, log=True
            ),
        }
        if problem.n_categorical:
            params |= {
                "one_hot_max_size": suggest.suggest_int("one_hot_max_size", 2, 100, log=True),
                "max_ctr_complexity": suggest.suggest_int("max_ctr_complexity", 1, 5),
                "model_size_reg": suggest.suggest_float("model_size_reg", 0.1, 1.5, log=True),
            }
        return params

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """The library's defaults, then configs learned on many data sets."""
        left_out = () if problem.n_categorical else CATEGORICAL_PARAMS
        entries = [
            {name: value for name, value in zip(_NAMES, row, strict=True) if name not in left_out}
            for row in _CONFIGS
        ]
        return [entry for entry in entries if entry["grow_policy"] in policies(problem)]

    def extra_params(self, problem: ProblemInfo) -> Mapping[str, Param]:
        """CatBoost's parameters that a user may fix, or may not, with the reason."""
        return extra_params(problem)

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Boosts with early stopping; a constant if the data cannot be split.

        Raises:
            TrialPruned: Raised by ``report``.
        """
        if not _can_be_split(fold, context.task):
            return _CONSTANT.fit(params, fold, context, report)
        params = library_params(params, fold.features, context.problem, len(fold.y_train))
        booster, n_rounds, stages = train(params, fold, context, report)
        model = CatBoostModel(
            booster, fold.features.categorical, _loss(booster), context.n_threads, n_rounds, stages
        )
        return _cut(model)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> FittedModel:
        """Boosts all rows to the stage of the folds, with fewer and larger steps.

        Raises:
            CannotRefit: The models of the folds are constants.
            RefitIncomplete: Time was up before 90 % of the rounds.
        """
        fitted = [model for model in models if isinstance(model, CatBoostModel)]
        if not fitted or not _can_be_split(fold, context.task):
            raise CannotRefit("its models are constants, because no column can be split")
        rates = [model.booster.get_all_params()["learning_rate"] for model in fitted]
        counts = [model.n_rounds or model.booster.tree_count_ for model in fitted]
        rounds, rate = refit_rounds(counts, rates, context)
        own = library_params(params, fold.features, context.problem, len(fold.y_train))
        params = {**own, "learning_rate": rate}
        booster = train_rounds(params, rounds, fold, context)
        return CatBoostModel(booster, fold.features.categorical, _loss(booster), context.n_threads)

    def save(self, model: Any, path: Path) -> None:
        """Writes CatBoost's binary format, which contains no code."""
        if isinstance(model, ConstantModel):
            _CONSTANT.save(model, path)
            return
        model.booster.save_model(str(path / MODEL_FILE))
        (path / ROUNDS_FILE).write_text(json.dumps(model.n_rounds), encoding="utf-8")

    def load(self, path: Path) -> FittedModel:
        """Reads CatBoost's binary format."""
        if not (path / MODEL_FILE).exists():
            return _CONSTANT.load(path)
        import catboost

        booster = catboost.CatBoost().load_model(str(path / MODEL_FILE))
        categorical = tuple(booster.get_cat_feature_indices())
        rounds = path / ROUNDS_FILE  # earlier versions cut all models
        n_rounds = int(json.loads(rounds.read_bytes())) if rounds.exists() else 0
        return CatBoostModel(booster, categorical, _loss(booster), predict_threads(), n_rounds)


def _cut(model: CatBoostModel) -> CatBoostModel:
    """Cuts the model after its best round; CatBoost can cut only symmetric trees."""
    if model.booster.get_all_params()["grow_policy"] != "SymmetricTree":
        return model
    model.booster.shrink(ntree_end=model.n_rounds)
    return replace(model, n_rounds=0)


def _loss(booster: Any) -> str:
    return str(booster.get_all_params()["loss_function"])


def _can_be_split(fold: Fold, task: Task) -> bool:
    """True if columns and classes vary; CatBoost rejects other data."""
    X, first = np.asarray(fold.X_train), np.asarray(fold.X_train[:1])
    same = (first == X) | (np.isnan(X) & np.isnan(first))
    return not same.all() and (not task.is_classification or len(np.unique(fold.y_train)) > 1)


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [CatBoost()]
