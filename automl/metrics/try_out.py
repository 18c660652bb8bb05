"""Tests a custom metric before a search uses it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import ConfigError
from automl.plugin.metric import Metric
from automl.plugin.task import Task

__all__ = ["try_out"]

N_ROWS = 100


def try_out(metric: Metric, task: Task) -> None:
    """Scores a perfect and a shuffled prediction of 100 rows.

    Raises:
        ConfigError: The function fails, returns a non-finite number, or does not prefer the
            perfect prediction.
    """
    n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3}.get(task, 0)
    shuffle = np.random.default_rng(0).permutation(N_ROWS)
    if n_classes:
        y_true: NDArray[Any] = np.arange(N_ROWS, dtype=np.int64) % n_classes
        perfect = np.full((N_ROWS, n_classes), 0.01)
        perfect[np.arange(N_ROWS), y_true] = 1 - 0.01 * (n_classes - 1)
    else:
        # Positive, so that logarithmic and relative metrics are defined.
        y_true = np.linspace(1.0, 10.0, N_ROWS)
        n_levels = len(metric.quantiles)
        perfect = np.tile(y_true[:, np.newaxis], n_levels) if n_levels else y_true.copy()
    best, worse = (_score(metric, y_true, p) for p in (perfect, perfect[shuffle]))
    if best == worse:
        raise ConfigError(
            f"metric {metric.name!r} gives a perfect prediction and a shuffled one the same score "
            f"{best:g}: it cannot tell models of a {task} task apart"
        )
    if not metric.is_better(best, worse):
        opposite = not metric.greater_is_better
        raise ConfigError(
            f"metric {metric.name!r} gives a perfect prediction {best:g} and a shuffled one "
            f"{worse:g}, but greater_is_better is {metric.greater_is_better}: set the function's "
            f"attribute greater_is_better = {opposite} if that is its direction"
        )


def _score(metric: Metric, y_true: NDArray[Any], prediction: NDArray[Any]) -> float:
    score, reason = metric.evaluate(y_true, prediction)
    if reason:
        raise ConfigError(
            f"metric {metric.name!r} fails on a test of {N_ROWS} rows with {metric.needs} "
            f"{_shape(metric, prediction)} as predictions: {reason}. If it needs an argument, "
            "write a function that passes it, and name that as module:function"
        )
    return score


def _shape(metric: Metric, prediction: NDArray[Any]) -> str:
    """Shape of the predictions passed to the function, as text."""
    if metric.needs == "labels" or getattr(metric.function, "of_class_1", False):
        return "(n_rows,)"
    return "(n_rows,)" if prediction.ndim == 1 else f"(n_rows, {prediction.shape[1]})"
