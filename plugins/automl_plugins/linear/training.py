"""Fits linear models on scaled features: exactly if that takes seconds, else by SGD."""

from __future__ import annotations

import math
import warnings

import numpy as np

from automl.plugin import CannotRefit, Fold, RefitIncomplete, Report, Task, TrialContext
from automl_plugins.common.fitting import FitClock, ignore_reports, mean_and_std, total_weight
from automl_plugins.linear.model import LinearModel, clipped, fit_sgd, make_linear_model
from automl_plugins.linear.quantile import fit_quantiles

__all__ = ["EXACT_WORK", "fit_linear", "refit_linear"]

EXACT_WORK = 2e7
"""Stored values times outputs up to which exact solvers are used: a few seconds of one core."""

SECONDS_PER_WORK = 2e-7
"""Seconds of the exact solvers per stored value and output, rounded up."""


def fit_linear(
    C: float,
    l1_ratio: float,
    fold: Fold,
    context: TrialContext,
    report: Report,
    solver: str = "auto",
) -> LinearModel:
    """Fits a logistic, ridge, elastic-net or quantile regression, by the task.

    Args:
        C: Inverse of the penalty.
        l1_ratio: Share of L1 in the penalty, for regression only.
        fold: Rows with scaled features.
        context: Context of the fit.
        report: Called with scores by gradient descent only.
        solver: ``auto``, ``exact`` or ``sgd``.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    clock = FitClock(context)
    if context.task.is_classification and len(np.unique(fold.y_train)) == 1:
        coef = np.zeros((1, fold.X_train.shape[1]))
        return make_linear_model(coef, np.zeros(1), fold, context)
    if context.task is Task.QUANTILE:
        return fit_quantiles(C, fold, context, clock)
    if _is_exact(fold, context, clock.left_s(), solver):
        return _fit_exact(C, l1_ratio, fold, context)
    return fit_sgd(C, fold, context, clock, report)


def refit_linear(
    C: float, l1_ratio: float, fold: Fold, context: TrialContext, solver: str = "auto"
) -> LinearModel:
    """Fits all rows by the exact solver.

    Raises:
        CannotRefit: Gradient descent would be needed, which needs validation rows.
        RefitIncomplete: There is too little time for the exact solver.
    """
    clock = FitClock(context)
    if context.task is not Task.QUANTILE:
        if not _is_exact(fold, context, math.inf, solver):
            raise CannotRefit("gradient descent needs validation rows for early stopping")
        if not _is_exact(fold, context, clock.left_s(), solver):
            raise RefitIncomplete(f"too little time for its refit: {clock.left_s():.2g} s left")
    model = fit_linear(C, l1_ratio, fold, context, ignore_reports, solver)
    if context.task is Task.QUANTILE and clock.left_s() <= 0:
        raise RefitIncomplete("the clock stopped its refit before it converged")
    return model


def _is_exact(fold: Fold, context: TrialContext, left_s: float, solver: str) -> bool:
    """True if the exact solver is set, or takes a few seconds and fits into the time."""
    if solver != "auto":
        return solver == "exact"
    stored = fold.X_train.size  # number of stored values for a CSR matrix
    work = stored * (context.problem.n_classes if context.problem.n_classes > 2 else 1)
    return work <= EXACT_WORK and work * SECONDS_PER_WORK < left_s


def _fit_exact(C: float, l1_ratio: float, fold: Fold, context: TrialContext) -> LinearModel:
    """L-BFGS for classes; a closed form for values, or coordinate descent with an L1 penalty."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

    X, weight = clipped(fold.X_train), fold.weight_train
    with warnings.catch_warnings():
        # The iteration limit bounds the time; the latest iterate is used.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if context.task.is_classification:
            logistic = LogisticRegression(C=C, max_iter=200).fit(X, fold.y_train, weight)
            return make_linear_model(logistic.coef_, logistic.intercept_, fold, context)
        mean, deviation = mean_and_std(fold.y_train, weight)
        y = (fold.y_train - mean) / deviation
        if l1_ratio == 0.0:
            linear = Ridge(alpha=1 / C)
        else:
            alpha = 1 / (C * total_weight(weight, len(y)))
            linear = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, max_iter=300)
        linear.fit(X, y, weight)
    coef, intercept = np.atleast_2d(linear.coef_), np.atleast_1d(linear.intercept_)
    return make_linear_model(coef * deviation, intercept * deviation + mean, fold, context)
