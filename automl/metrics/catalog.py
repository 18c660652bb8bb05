"""All metrics by name, and how the name in a configuration becomes a metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from automl.errors import ConfigError, did_you_mean
from automl.metrics import classification, ranking, regression
from automl.metrics.custom import load_metric
from automl.plugin.metric import Metric, MetricFunction
from automl.plugin.task import Task

__all__ = ["CATALOG", "default_metric", "get_metric", "metric_names"]

INFINITY = float("inf")
BINARY = frozenset({Task.BINARY})
CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})
SEVERAL = frozenset({Task.MULTICLASS})
VALUES = frozenset({Task.REGRESSION})
PINBALL = frozenset({Task.REGRESSION, Task.QUANTILE})


def _ranking(name: str, tasks: frozenset[Task], function: MetricFunction) -> Metric:
    return Metric(name, True, "probabilities", (0.0, 1.0), tasks, function, ranks=True)


_METRICS = (
    _ranking("roc_auc", CLASSES, ranking.roc_auc),
    _ranking("roc_auc_ovo", SEVERAL, ranking.roc_auc_ovo),
    _ranking("roc_auc_weighted", SEVERAL, ranking.roc_auc_weighted),
    Metric("log_loss", False, "probabilities", (0.0, INFINITY), CLASSES, classification.log_loss),
    Metric("brier", False, "probabilities", (0.0, 2.0), CLASSES, classification.brier),
    _ranking("average_precision", CLASSES, ranking.average_precision),
    Metric("accuracy", True, "labels", (0.0, 1.0), CLASSES, classification.accuracy),
    Metric(
        "balanced_accuracy", True, "labels", (0.0, 1.0), CLASSES, classification.balanced_accuracy
    ),
    Metric("precision", True, "labels", (0.0, 1.0), BINARY, classification.precision),
    Metric("precision_macro", True, "labels", (0.0, 1.0), CLASSES, classification.precision_macro),
    Metric("recall", True, "labels", (0.0, 1.0), BINARY, classification.recall),
    Metric("f1", True, "labels", (0.0, 1.0), BINARY, classification.f1),
    Metric("f1_macro", True, "labels", (0.0, 1.0), CLASSES, classification.f1_macro),
    Metric("f1_micro", True, "labels", (0.0, 1.0), CLASSES, classification.f1_micro),
    Metric("f1_weighted", True, "labels", (0.0, 1.0), CLASSES, classification.f1_weighted),
    Metric("mcc", True, "labels", (-1.0, 1.0), CLASSES, classification.mcc),
    Metric("kappa", True, "labels", (-1.0, 1.0), CLASSES, classification.kappa),
    Metric("quadratic_kappa", True, "labels", (-1.0, 1.0), CLASSES, classification.quadratic_kappa),
    Metric("rmse", False, "values", (0.0, INFINITY), VALUES, regression.rmse),
    Metric("mse", False, "values", (0.0, INFINITY), VALUES, regression.mse),
    Metric("mae", False, "values", (0.0, INFINITY), VALUES, regression.mae),
    Metric("medae", False, "values", (0.0, INFINITY), VALUES, regression.medae),
    Metric("mape", False, "values", (0.0, INFINITY), VALUES, regression.mape),
    Metric("smape", False, "values", (0.0, 2.0), VALUES, regression.smape),
    Metric("rmsle", False, "values", (0.0, INFINITY), VALUES, regression.rmsle),
    Metric("pinball", False, "values", (0.0, INFINITY), PINBALL, regression.pinball),
    Metric("r2", True, "values", (-INFINITY, 1.0), VALUES, regression.r2),
)

CATALOG: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _METRICS})
"""The metrics that need no plugin, by name."""

NO_METRICS: Mapping[str, Metric] = MappingProxyType({})

_DEFAULTS = {
    Task.BINARY: "roc_auc",
    Task.MULTICLASS: "log_loss",
    Task.REGRESSION: "rmse",
    Task.QUANTILE: "pinball",
}


def default_metric(task: Task) -> Metric:
    """The metric of a run that names none: ROC AUC, log-loss, RMSE or pinball loss by task."""
    return CATALOG[_DEFAULTS[task]]


def metric_names(task: Task, extra: Mapping[str, Metric] = NO_METRICS) -> tuple[str, ...]:
    """Names of the metrics that fit a task, those of plugins (``extra``) last."""
    every = [*CATALOG.values(), *extra.values()]
    return tuple(metric.name for metric in every if task in metric.tasks)


def get_metric(
    name: str,
    task: Task,
    extra: Mapping[str, Metric] = NO_METRICS,
    quantiles: tuple[float, ...] = (),
) -> Metric:
    """Finds a metric by name.

    Args:
        name: Of a metric of the catalog or of a plugin, or ``module:function`` for one's own.
        task: The task it has to fit.
        extra: Metrics that plugins bring, by name.
        quantiles: Levels of a quantile task, which the metric is given.

    Raises:
        ConfigError: There is none of that name, it does not fit the task, a plugin uses the name
            of a metric of the catalog, or a metric of one's own does not work.
    """
    fitting = metric_names(task, extra)
    if ":" in name:
        metric = load_metric(name, task, quantiles)
    elif name in CATALOG and name in extra:
        raise ConfigError(
            f"metric {name!r} is defined twice, here and by a plugin: the plugin has to rename its "
            "own, or must be left out with plugins.block"
        )
    elif name in CATALOG or name in extra:
        metric = CATALOG[name] if name in CATALOG else extra[name]
    else:
        raise ConfigError(
            f"there is no metric {name!r}{did_you_mean(name, [*CATALOG, *extra])}; for a {task} "
            f"task there are {', '.join(fitting)}, or your own as module:function"
        )
    if task not in metric.tasks:
        takes = " and ".join(sorted(metric.tasks))
        raise ConfigError(
            f"metric {name!r} is for {takes}, and this is a {task} task; "
            f"those that fit are {', '.join(fitting)}"
        )
    return replace(metric, quantiles=quantiles) if quantiles else metric
