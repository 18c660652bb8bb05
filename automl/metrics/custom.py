"""A metric of one's own, named ``module:function``, tried out before it steers a search."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import ConfigError, did_you_mean
from automl.plugin.metric import Metric
from automl.plugin.task import Task

__all__ = ["CustomFunction", "load_metric"]

N_ROWS = 100
CLASSES = frozenset(task for task in Task if task.is_classification)
OPTIONAL = frozenset({"sample_weight", "quantiles"})
CLASSIFICATION_NEEDS = ("labels", "probabilities")


@dataclass(frozen=True, slots=True)
class CustomFunction:
    """Calls a function as the rest of the world writes metrics: by keyword ``sample_weight``.

    A function without that parameter is computed without row weights.

    Attributes:
        function: ``(y_true, y_pred)``, with ``sample_weight`` and ``quantiles`` if it likes.
        takes: Which of these two parameters it has.
    """

    function: Callable[..., Any]
    takes: frozenset[str]

    def __call__(
        self,
        y_true: NDArray[Any],
        prediction: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
        quantiles: tuple[float, ...] = (),
    ) -> float:
        """Scores a prediction."""
        given = {"sample_weight": weight, "quantiles": quantiles}
        asked = {name: value for name, value in given.items() if name in self.takes}
        return float(self.function(y_true, prediction, **asked))


def load_metric(name: str, task: Task, quantiles: tuple[float, ...] = ()) -> Metric:
    """Imports a metric named ``module:function`` and tries it out.

    The function takes ``(y_true, y_pred)``, and ``sample_weight`` if it has such a parameter.
    ``y_true`` holds class indices or values, ``y_pred`` the same, or probabilities
    ``(n_rows, n_classes)`` if the function has an attribute ``needs = "probabilities"``, or for a
    quantile task ``(n_rows, n_levels)``, with the levels as ``quantiles`` if it has that. Greater
    is better unless it has an attribute ``greater_is_better = False``. In place of a function
    there may be a ``Metric``.

    Args:
        name: ``module:function``; the module is looked for on the import path and in the working
            directory.
        task: The task it has to score.
        quantiles: Levels of a quantile task.

    Raises:
        ConfigError: It cannot be imported, cannot be called, gives no finite number, or does not
            prefer a perfect prediction to a shuffled one.
    """
    found = _import(name)
    if isinstance(found, Metric):
        return found
    if not callable(found):
        raise ConfigError(f"metric {name!r} is a {type(found).__name__}, expected a function")
    metric = Metric(
        name=name,
        greater_is_better=_direction(name, found),
        needs=_needs(name, found, task),
        bounds=(-float("inf"), float("inf")),
        tasks=CLASSES if task.is_classification else frozenset({task}),
        function=CustomFunction(found, _takes(name, found)),
        quantiles=quantiles,
    )
    _try_out(metric, task)
    return metric


def _import(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"metric {name!r} is not of the form module:function")
    try:
        with _working_directory_importable():
            module = importlib.import_module(module_name)
    except Exception as error:  # whatever the module of a user does when it is imported
        raise ConfigError(
            f"metric {name!r}: module {module_name!r} cannot be imported from the import path or "
            f"from {Path.cwd()}: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, attribute):
        near = did_you_mean(attribute, [word for word in dir(module) if not word.startswith("_")])
        raise ConfigError(f"metric {name!r}: module {module_name!r} has no {attribute!r}{near}")
    return getattr(module, attribute)


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Lets an import find modules of the working directory, which a console script does not."""
    folder = str(Path.cwd())
    if folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _direction(name: str, function: Any) -> bool:
    greater = getattr(function, "greater_is_better", True)
    if not isinstance(greater, bool):
        raise ConfigError(f"metric {name!r}: greater_is_better is {greater!r}, not True or False")
    return greater


def _needs(name: str, function: Any, task: Task) -> Any:
    choices = CLASSIFICATION_NEEDS if task.is_classification else ("values",)
    needs = getattr(function, "needs", choices[0])
    if needs not in choices:
        raise ConfigError(
            f"metric {name!r}: needs is {needs!r}; for a {task} task it can be "
            f"{' or '.join(repr(choice) for choice in choices)}"
        )
    return needs


def _takes(name: str, function: Any) -> frozenset[str]:
    try:
        return frozenset(OPTIONAL & inspect.signature(function).parameters.keys())
    except (TypeError, ValueError) as error:
        raise ConfigError(f"metric {name!r} cannot be called: {error}") from None


def _try_out(metric: Metric, task: Task) -> None:
    """Scores a perfect and a shuffled prediction of 100 rows.

    Raises:
        ConfigError: The function fails, gives no finite number, or prefers the shuffled one.
    """
    n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3}.get(task, 0)
    shuffle = np.random.default_rng(0).permutation(N_ROWS)
    if n_classes:
        y_true: NDArray[Any] = np.arange(N_ROWS, dtype=np.int64) % n_classes
        perfect = np.full((N_ROWS, n_classes), 0.01)
        perfect[np.arange(N_ROWS), y_true] = 1 - 0.01 * (n_classes - 1)
    else:
        # Above 0, so that a metric of logarithms or of shares is defined.
        y_true = np.linspace(1.0, 10.0, N_ROWS)
        n_levels = len(metric.quantiles)
        perfect = np.tile(y_true[:, np.newaxis], n_levels) if n_levels else y_true.copy()
    best, worse = (_score(metric, y_true, p) for p in (perfect, perfect[shuffle]))
    if not metric.is_better(best, worse):
        opposite = not metric.greater_is_better
        raise ConfigError(
            f"metric {metric.name!r} gives a perfect prediction {best:g} and a shuffled one "
            f"{worse:g}, and greater_is_better is {metric.greater_is_better}: set the function's "
            f"attribute greater_is_better = {opposite} if that is its direction"
        )


def _score(metric: Metric, y_true: NDArray[Any], prediction: NDArray[Any]) -> float:
    try:
        score = metric.score(y_true, prediction)
    except Exception as error:  # whatever the function of a user raises
        raise ConfigError(
            f"metric {metric.name!r} fails on a try-out of {N_ROWS} rows with "
            f"{metric.needs} as predictions: {type(error).__name__}: {error}"
        ) from error
    if not np.isfinite(score):
        raise ConfigError(f"metric {metric.name!r} gives {score} on a try-out of {N_ROWS} rows")
    return score
