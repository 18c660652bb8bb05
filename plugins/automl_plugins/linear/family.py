"""Linear family: logistic, ridge, elastic-net and quantile regression, at any size of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ConfigurableFamily,
    Encoding,
    Fold,
    IterativeFamily,
    ModelFamily,
    Param,
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
from automl_plugins.common.fitting import load_arrays, save_arrays
from automl_plugins.linear.model import LinearModel
from automl_plugins.linear.training import EXACT_WORK, fit_linear, refit_linear

__all__ = ["Linear", "automl_model_families"]

SOLVERS = ("auto", "exact", "sgd")


class Linear(ConfigurableFamily, IterativeFamily, RefittableFamily):
    """Linear models on scaled, one-hot encoded columns and TF-IDF of text."""

    name = "linear"
    tasks = frozenset(Task)
    preload = ("sklearn.linear_model",)
    fidelity = "epochs"
    priority = 70
    early_stopping = "staged"
    settings: ClassVar[Mapping[str, Any]] = {"solver": "auto"}
    setting_ranges: ClassVar[Mapping[str, Param]] = {"solver": Param("str", choices=SOLVERS)}

    def resources(self, problem: ProblemInfo) -> Resources:
        """One copy of the encoded rows, in which categories may be many columns."""
        columns = problem.n_numeric + 8 * problem.n_categorical + 200 * problem.n_text
        rows = min(problem.n_rows, EXACT_WORK / max(1, columns))
        return Resources(ram_gib=0.1 + 12.0 * rows * columns / 2**30)

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Scaled or quantile-normal numbers, one-hot categories, TF-IDF of text."""
        return Encoding(numeric=params["scaling"], categorical="onehot", text="tfidf", sparse=True)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Penalty and scaling, after TabArena's space of its linear models (arXiv 2506.16791)."""
        params = {
            "C": suggest.suggest_float("C", 1e-3, 1e3, log=True),
            "scaling": suggest.suggest_categorical("scaling", ("standard", "quantile")),
        }
        if problem.task is Task.REGRESSION:
            params["l1_ratio"] = suggest.suggest_categorical("l1_ratio", (0.0, 0.5, 1.0))
        return params

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A medium penalty with each scaling, then a path of penalties.

        With texts the scaling of numbers matters little and the penalty much.
        """
        points = [(1.0, "quantile"), (1.0, "standard"), (0.1, "quantile"), (0.02, "standard")]
        points += [(10.0, "quantile"), (100.0, "standard")]
        if problem.n_text:
            points = [points[0], points[4], points[2], points[1], points[5], points[3]]
        extra = {"l1_ratio": 0.0} if problem.task is Task.REGRESSION else {}
        return [{"C": C, "scaling": scaling, **extra} for C, scaling in points]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> LinearModel:
        """Solves exactly if that takes seconds, else by stochastic gradient descent.

        Raises:
            TrialPruned: Raised by ``report``, which only gradient descent calls.
        """
        l1_ratio = params.get("l1_ratio", 0.0)
        return fit_linear(params["C"], l1_ratio, fold, context, report, context.settings["solver"])

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> LinearModel:
        """Fits all rows by the exact solver.

        Raises:
            CannotRefit: Gradient descent would be needed.
            RefitIncomplete: There is too little time for the exact solver.
        """
        l1_ratio = params.get("l1_ratio", 0.0)
        return refit_linear(params["C"], l1_ratio, fold, context, context.settings["solver"])

    def save(self, model: Any, path: Path) -> None:
        """Writes the arrays."""
        save_arrays(path, **model.state())

    def load(self, path: Path) -> LinearModel:
        """Reads the arrays."""
        return LinearModel.from_state(load_arrays(path))


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [Linear()]
