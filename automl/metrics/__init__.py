"""The metric catalog, custom metrics, and standard errors of scores."""

from automl.metrics.callable_metric import GivenMetric, given_again, given_metric, packed, unpacked
from automl.metrics.catalog import CATALOG, default_metric, get_metric, metric_names, metric_tasks
from automl.metrics.influence import influence

__all__ = [
    "CATALOG",
    "GivenMetric",
    "default_metric",
    "get_metric",
    "given_again",
    "given_metric",
    "influence",
    "metric_names",
    "metric_tasks",
    "packed",
    "unpacked",
]
