"""EBM family: explainable boosting machines (Lou et al., KDD 2013; Nori et al., 1909.09223)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ConfigurableFamily,
    Fold,
    IterativeFamily,
    ModelFamily,
    Param,
    Params,
    ProblemInfo,
    Report,
    Resources,
    Suggest,
    Task,
    TrialContext,
    hookimpl,
)
from automl_plugins.ebm.model import AdditiveModel
from automl_plugins.ebm.training import train

__all__ = ["EBM", "automl_model_families"]

INTERACTIONS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Number of pairs as a multiple of the columns."""


class EBM(ConfigurableFamily, IterativeFamily):
    """Additive models of single columns and pairs, boosted in turn and stored as tables."""

    name = "ebm"
    extra = "ebm"
    preload = ("interpret.utils",)
    fidelity = "rounds"
    priority = 65
    early_stopping = "staged"
    settings: ClassVar[Mapping[str, Any]] = {
        "max_rounds": 20_000,
        "max_bin": 1024,
        "max_pair_bin": 32,
    }
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_rounds": Param("int", low=1, high=1_000_000),
        "max_bin": Param("int", low=2, high=65_535),
        "max_pair_bin": Param("int", low=2, high=256),
    }

    def resources(self, problem: ProblemInfo) -> Resources:
        """Bins of all rows; one thread."""
        n_outputs = problem.n_classes if problem.task is Task.MULTICLASS else 1
        bytes_ = (
            200e6 + 40.0 * problem.n_rows * problem.n_columns + 64.0 * problem.n_rows * n_outputs
        )
        return Resources(ram_gib=bytes_ / 2**30)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The space of TabArena (arXiv 2506.16791) for cyclic boosting."""
        params = {
            "learning_rate": suggest.suggest_float("learning_rate", 0.0025, 0.2, log=True),
            "max_leaves": suggest.suggest_int("max_leaves", 2, 3),
            "smoothing_rounds": suggest.suggest_int("smoothing_rounds", 0, 1000),
            "interactions": suggest.suggest_categorical("interactions", INTERACTIONS),
            "interaction_smoothing_rounds": suggest.suggest_int(
                "interaction_smoothing_rounds", 0, 200
            ),
            "min_samples_leaf": suggest.suggest_int("min_samples_leaf", 2, 20),
            "min_hessian": suggest.suggest_float("min_hessian", 1e-10, 1e-2, log=True),
            "missing": suggest.suggest_categorical("missing", ("separate", "low", "high", "gain")),
        }
        if problem.n_categorical:
            params |= {
                "min_cat_samples": suggest.suggest_int("min_cat_samples", 5, 20, log=True),
                "cat_smooth": suggest.suggest_float("cat_smooth", 5.0, 100.0, log=True),
            }
        return params

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """The defaults of interpret at one learning rate for all tasks; larger trees, no pairs."""
        is_regression = problem.task is Task.REGRESSION
        default = {
            "learning_rate": 0.04,
            "max_leaves": 2,
            "smoothing_rounds": 500 if is_regression else 75,
            "interactions": 3.0,
            "interaction_smoothing_rounds": 100 if is_regression else 75,
            "min_samples_leaf": 4,
            "min_hessian": 1e-4,
            "missing": "separate",
        }
        if problem.n_categorical:
            default |= {"min_cat_samples": 10, "cat_smooth": 10.0}
        return [
            default,
            {**default, "learning_rate": 0.02, "max_leaves": 3},
            {**default, "interactions": 0.0},
        ]

    def fit(
        self, params: Params, fold: Fold, context: TrialContext, report: Report
    ) -> AdditiveModel:
        """Boosts with early stopping on the run's metric.

        Raises:
            TrialPruned: Raised by ``report``.
        """
        return train(params, fold, context, report)

    def save(self, model: Any, path: Path) -> None:
        """Writes arrays."""
        model.save(path)

    def load(self, path: Path) -> AdditiveModel:
        """Reads arrays; predicting does not need the library."""
        return AdditiveModel.load(path)


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [EBM()]
