"""CatBoost's names of losses and metrics."""

from __future__ import annotations

import numpy as np

from automl.plugin import Fold, Task, TrialContext

__all__ = ["is_weighted", "loss_of", "metric_of"]

_METRICS = {
    "mae": "MAE",
    "r2": "R2",
    "rmse": "RMSE",
}


def loss_of(context: TrialContext) -> str:
    """The loss for a task and a metric, in CatBoost's notation."""
    if context.task is Task.BINARY:
        return "Logloss"
    if context.task is Task.MULTICLASS:
        return "MultiClass"
    if context.task is Task.QUANTILE:
        levels = ",".join(map(str, context.problem.quantiles))
        return f"{'MultiQuantile' if ',' in levels else 'Quantile'}:alpha={levels}"
    return "MAE" if context.metric.optimum == "median" else "RMSE"


def is_weighted(fold: Fold) -> bool:
    """True if the validation weights differ; CatBoost ignores equal weights."""
    return fold.weight_valid is not None and bool(np.any(fold.weight_valid != 1.0))


def metric_of(context: TrialContext, has_weights: bool) -> str | None:
    """CatBoost's name of the run's metric, or None if it has no such metric."""
    name = context.metric.name
    if name == "log_loss" or (name == "pinball" and context.task is Task.QUANTILE):
        return loss_of(context)
    if name == "roc_auc":
        if context.task is not Task.BINARY:
            return None
        # Unlike other metrics, CatBoost's AUC ignores weights unless use_weights is set,
        # and fails with it if there are no weights.
        return "AUC:use_weights=true" if has_weights else "AUC"
    return _METRICS.get(name)
