"""Lists the built-in metrics, and finds metrics by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from automl.errors import ConfigError, did_you_mean
from automl.metrics import classification, ranking, regression, undefined
from automl.metrics.callable_metric import PREFIX, GivenMetric, resolve_given
from automl.metrics.custom import load_metric
from automl.plugin.metric import Metric, MetricFunction, Optimum, UndefinedReason
from automl.plugin.task import Task

__all__ = ["CATALOG", "default_metric", "get_metric", "metric_names", "metric_tasks"]

INFINITY = float("inf")
BINARY = frozenset({Task.BINARY})
CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})
SEVERAL = frozenset({Task.MULTICLASS})
VALUES = frozenset({Task.REGRESSION})
PINBALL = frozenset({Task.REGRESSION, Task.QUANTILE})


def _ranking(name: str, tasks: frozenset[Task], function: MetricFunction) -> Metric:
    metric = Metric(name, True, "probabilities", (0.0, 1.0), tasks, function)
    return replace(metric, is_ranking=True, undefined=undefined.is_one_class)


def _labels(
    name: str,
    tasks: frozenset[Task],
    function: MetricFunction,
    reason: UndefinedReason | None = None,
    lowest: float = 0.0,
) -> Metric:
    return Metric(name, True, "labels", (lowest, 1.0), tasks, function, undefined=reason)


def _error(
    name: str,
    function: MetricFunction,
    reason: UndefinedReason | None = None,
    highest: float = INFINITY,
    tasks: frozenset[Task] = VALUES,
    optimum: Optimum = "mean",
) -> Metric:
    bounds = (0.0, highest)
    return Metric(name, False, "values", bounds, tasks, function, undefined=reason, optimum=optimum)


_METRICS = (
    _ranking("roc_auc", CLASSES, ranking.roc_auc),
    _ranking("roc_auc_ovo", SEVERAL, ranking.roc_auc_ovo),
    _ranking("roc_auc_weighted", SEVERAL, ranking.roc_auc_weighted),
    Metric("log_loss", False, "probabilities", (0.0, INFINITY), CLASSES, classification.log_loss),
    Metric("brier", False, "probabilities", (0.0, 2.0), CLASSES, classification.brier),
    _ranking("average_precision", CLASSES, ranking.average_precision),
    _labels("accuracy", CLASSES, classification.accuracy),
    _labels("balanced_accuracy", CLASSES, classification.balanced_accuracy),
    _labels("precision", BINARY, classification.precision, undefined.lacks_class_1),
    _labels("precision_macro", CLASSES, classification.precision_macro),
    _labels("recall", BINARY, classification.recall, undefined.lacks_class_1),
    _labels("f1", BINARY, classification.f1, undefined.lacks_class_1),
    _labels("f1_macro", CLASSES, classification.f1_macro),
    _labels("f1_micro", CLASSES, classification.accuracy),
    _labels("f1_weighted", CLASSES, classification.f1_weighted),
    _labels("mcc", CLASSES, classification.mcc, undefined.is_one_class, -1.0),
    _labels("kappa", CLASSES, classification.kappa, undefined.is_one_class, -1.0),
    _labels(
        "quadratic_kappa", CLASSES, classification.quadratic_kappa, undefined.is_one_class, -1.0
    ),
    _error("rmse", regression.rmse),
    _error("mse", regression.mse),
    _error("mae", regression.mae, optimum="median"),
    _error("medae", regression.medae, optimum="median"),
    _error("mape", regression.mape, undefined.is_all_zero, optimum="median"),
    _error("smape", regression.smape, highest=2.0, optimum="median"),
    _error("rmsle", regression.rmsle, undefined.has_no_logarithm),
    _error("pinball", regression.pinball, tasks=PINBALL, optimum="median"),
    Metric(
        "r2",
        True,
        "values",
        (-INFINITY, 1.0),
        VALUES,
        regression.r2,
        undefined=undefined.has_no_spread,
    ),
)

CATALOG: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _METRICS})
"""The built-in metrics by name."""

NO_METRICS: Mapping[str, Metric] = MappingProxyType({})

_DEFAULTS = {
    Task.BINARY: "roc_auc",
    Task.MULTICLASS: "log_loss",
    Task.REGRESSION: "rmse",
    Task.QUANTILE: "pinball",
}


def default_metric(task: Task) -> Metric:
    """The default metric of a task: ROC AUC, log loss, RMSE or pinball loss."""
    return CATALOG[_DEFAULTS[task]]


def metric_names(task: Task, extra: Mapping[str, Metric] = NO_METRICS) -> tuple[str, ...]:
    """Names of the metrics for a task, those of plugins (``extra``) last."""
    every = [*CATALOG.values(), *extra.values()]
    return tuple(metric.name for metric in every if task in metric.tasks)


def metric_tasks(
    name: str | None,
    extra: Mapping[str, Metric] = NO_METRICS,
    given: GivenMetric | None = None,
) -> frozenset[Task]:
    """The tasks of a metric; empty if they are not known yet.

    Args:
        name: Name of a metric of the catalog or of a plugin; the tasks of ``module:function`` are
            not known, nor those of None.
        extra: Metrics of plugins, by name.
        given: The metric passed by the caller as an object.
    """
    metric = CATALOG.get(name or "") or extra.get(name or "")
    if given is not None and isinstance(given.found, Metric):
        metric = given.found
    return frozenset() if metric is None else metric.tasks


def get_metric(
    name: str,
    task: Task,
    extra: Mapping[str, Metric] = NO_METRICS,
    quantiles: tuple[float, ...] = (),
    given: GivenMetric | None = None,
) -> Metric:
    """Finds a metric by name.

    Args:
        name: Name of a metric of the catalog or of a plugin, ``module:function`` of a custom
            metric, or the setting of a metric passed by the caller as an object.
        task: The task to score.
        extra: Metrics of plugins, by name.
        quantiles: Levels of a quantile task.
        given: The metric passed by the caller as an object.

    Raises:
        ConfigError: There is no such metric, it is for other tasks, or a custom metric does not
            work.
    """
    fitting = metric_names(task, extra)
    if name.startswith(PREFIX):
        metric = resolve_given(name, given, task, quantiles)
    elif ":" in name:
        metric = load_metric(name, task, quantiles)
    elif name in CATALOG or name in extra:
        metric = CATALOG[name] if name in CATALOG else extra[name]
    else:
        raise ConfigError(
            f"unknown metric {name!r}{did_you_mean(name, [*CATALOG, *extra])}. Metrics for a "
            f"{task} task: {', '.join(fitting)}, or your own as module:function"
        )
    if task not in metric.tasks:
        takes = " and ".join(sorted(metric.tasks))
        raise ConfigError(
            f"metric {metric.name!r} is for {takes}, but this is a {task} task. Metrics for it: "
            f"{', '.join(fitting)}"
        )
    return replace(metric, quantiles=quantiles) if quantiles else metric
