"""Linear family: logistic, ridge, elastic-net and quantile regression, at any size of data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from automl.plugin import (
    Fold,
    ModelFamily,
    Params,
    Report,
    Resources,
    Shape,
    Suggest,
    Task,
    TrialContext,
    View,
    hookimpl,
)
from automl_plugins._fitting import (
    FitClock,
    ignore_reports,
    load_arrays,
    moments,
    save_arrays,
    total_weight,
)
from automl_plugins._linear_model import LinearModel, clipped, fit_sgd, make_linear_model
from automl_plugins._quantile_linear import fit_quantiles

__all__ = ["Linear", "automl_model_families"]

EXACT_WORK = 2e7
"""Stored values times outputs up to which the exact solvers are used: a few seconds of one core."""

SECONDS_PER_WORK = 2e-7
"""Of the exact solvers, per stored value and output, rounded up."""
SOLVERS = ("auto", "exact", "sgd")


class Linear(ModelFamily):
    """Linear models on scaled, one-hot encoded columns and TF-IDF of text."""

    name = "linear"
    tasks = frozenset(Task)
    preload = ("sklearn.linear_model",)
    fidelity = "epochs"
    priority = 70
    settings: ClassVar[Mapping[str, Any]] = {"solver": "auto"}

    def resources(self, shape: Shape) -> Resources:
        """One copy of the encoded rows, where categories may be many columns."""
        columns = shape.n_numeric + 8 * shape.n_categorical + 200 * shape.n_text
        rows = min(shape.n_rows, EXACT_WORK / max(1, columns))
        return Resources(ram_gib=0.1 + 12.0 * rows * columns / 2**30)

    def view(self, params: Params, shape: Shape) -> View:
        """Scaled or quantile-normal numbers, one-hot categories, TF-IDF of text."""
        return View(numeric=params["scaling"], categorical="onehot", text="tfidf", sparse=True)

    def accepts(self, shape: Shape) -> str | None:
        """Refuses an unknown solver."""
        solver = shape.settings.get("solver", "auto")
        if solver not in SOLVERS:
            return f"model.linear.solver={solver}: choose one of {', '.join(SOLVERS)}"
        return None

    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
        """Penalty and scaling, after TabArena's space of its linear models (arXiv 2506.16791)."""
        params = {
            "C": suggest.suggest_float("C", 1e-3, 1e3, log=True),
            "scaling": suggest.suggest_categorical("scaling", ("standard", "quantile")),
        }
        if shape.task is Task.REGRESSION:
            params["l1_ratio"] = suggest.suggest_categorical("l1_ratio", (0.0, 0.5, 1.0))
        return params

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """A medium penalty with each scaling, then a path of penalties.

        Beside texts the scaling of numbers matters little and the penalty much.
        """
        points = [(1.0, "quantile"), (1.0, "standard"), (0.1, "quantile"), (0.02, "standard")]
        points += [(10.0, "quantile"), (100.0, "standard")]
        if shape.n_text:
            points = [points[0], points[4], points[2], points[1], points[5], points[3]]
        extra = {"l1_ratio": 0.0} if shape.task is Task.REGRESSION else {}
        return [{"C": C, "scaling": scaling, **extra} for C, scaling in points]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> LinearModel:
        """Solves exactly where that takes seconds, else by stochastic gradient descent.

        Raises:
            TrialPruned: As raised by ``report``, which only gradient descent calls.
        """
        clock = FitClock(context)
        if context.task.is_classification and len(np.unique(fold.y_train)) == 1:
            coef = np.zeros((1, fold.X_train.shape[1]))
            return make_linear_model(coef, np.zeros(1), fold, context)
        if context.task is Task.QUANTILE:
            return fit_quantiles(params["C"], fold, context, clock)
        if _is_exact(fold, context, clock):
            return _fit_exact(params, fold, context)
        return fit_sgd(params["C"], fold, context, clock, report)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> LinearModel | None:
        """Solves exactly; gradient descent needs validation rows to stop by."""
        if context.task is not Task.QUANTILE and not _is_exact(fold, context, FitClock(context)):
            return None
        return self.fit(params, fold, context, ignore_reports)

    def save(self, model: Any, path: Path) -> None:
        """Writes the arrays."""
        save_arrays(path, **{f.name: getattr(model, f.name) for f in fields(LinearModel)})

    def load(self, path: Path) -> LinearModel:
        """Reads the arrays."""
        arrays = load_arrays(path)
        scalars = {name: a.item() for name, a in arrays.items() if a.ndim == 0}
        return LinearModel(**{**arrays, **scalars})


def _is_exact(fold: Fold, context: TrialContext, clock: FitClock) -> bool:
    """Whether the exact solvers fit into the time and a few seconds."""
    solver = context.shape.settings.get("solver", "auto")
    if solver != "auto":
        return bool(solver == "exact")
    stored = fold.X_train.size  # for a CSR matrix the values that are stored
    work = stored * (context.shape.n_classes if context.shape.n_classes > 2 else 1)
    return work <= EXACT_WORK and work * SECONDS_PER_WORK < clock.left_s()


def _fit_exact(params: Params, fold: Fold, context: TrialContext) -> LinearModel:
    """L-BFGS for classes; for values a closed form, or coordinate descent with an L1 part."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

    C, X, weight = params["C"], clipped(fold.X_train), fold.weight_train
    with warnings.catch_warnings():
        # A bound on iterations is a bound on time; what is reached by then is judged by its score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if context.task.is_classification:
            logistic = LogisticRegression(C=C, max_iter=200).fit(X, fold.y_train, weight)
            return make_linear_model(logistic.coef_, logistic.intercept_, fold, context)
        mean, deviation = moments(fold.y_train, weight)
        y = (fold.y_train - mean) / deviation
        if params["l1_ratio"] == 0.0:
            linear = Ridge(alpha=1 / C)
        else:
            alpha = 1 / (C * total_weight(weight, len(y)))
            linear = ElasticNet(alpha=alpha, l1_ratio=params["l1_ratio"], max_iter=300)
        linear.fit(X, y, weight)
    coef, intercept = np.atleast_2d(linear.coef_), np.atleast_1d(linear.intercept_)
    return make_linear_model(coef * deviation, intercept * deviation + mean, fold, context)


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """The family of this module."""
    return [Linear()]
