"""A metric of one's own, named ``module:function``, tried out before it steers a search."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import ConfigError, did_you_mean
from automl.metrics.scikit import SECOND_IS_PROBABILITIES, ScikitMetric, scikit_metric
from automl.plugin.metric import Metric, NoScoreError
from automl.plugin.task import Task

__all__ = ["CustomFunction", "load_metric"]

N_ROWS = 100
CLASSES = frozenset(task for task in Task if task.is_classification)
OPTIONAL = frozenset({"sample_weight", "quantiles"})
ALL_LABELS = "labels"
CLASSIFICATION_NEEDS = ("labels", "probabilities")


@dataclass(frozen=True, slots=True)
class CustomFunction:
    """Calls a function as the rest of the world writes metrics: by keyword ``sample_weight``.

    A function without that parameter is computed without row weights. What it raises becomes a
    ``NoScoreError``: it has no value for these rows.

    Attributes:
        function: ``(y_true, y_pred)``, with ``sample_weight`` and ``quantiles`` if it likes.
        takes: Which of these two parameters it has; ``labels`` where it is to be given all class
            indices, as rows may lack some.
        of_class_1: Whether it takes the probability of class 1 alone, ``(n_rows,)``.
    """

    function: Callable[..., Any]
    takes: frozenset[str]
    of_class_1: bool = False

    def __call__(
        self,
        y_true: NDArray[Any],
        prediction: NDArray[Any],
        weight: NDArray[np.float64] | None = None,
        quantiles: tuple[float, ...] = (),
    ) -> float:
        """Scores a prediction."""
        given = {"sample_weight": weight, "quantiles": quantiles}
        asked: dict[str, Any] = {name: value for name, value in given.items() if name in self.takes}
        if ALL_LABELS in self.takes:
            asked[ALL_LABELS] = np.arange(prediction.shape[1])
        shown = prediction[:, 1] if self.of_class_1 else prediction
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return float(self.function(y_true, shown, **asked))
        except Exception as error:  # whatever the function of a user raises
            raise NoScoreError(f"{type(error).__name__}: {error}") from error


def load_metric(name: str, task: Task, quantiles: tuple[float, ...] = ()) -> Metric:
    """Imports a metric named ``module:function`` and tries it out.

    The function takes ``(y_true, y_pred)``, and ``sample_weight`` if it has such a parameter.
    ``y_true`` holds class indices or values, ``y_pred`` the same, or probabilities
    ``(n_rows, n_classes)`` if the function has an attribute ``needs = "probabilities"``, or for a
    quantile task ``(n_rows, n_levels)``, with the levels as ``quantiles`` if it has that. Greater
    is better unless it has an attribute ``greater_is_better = False``. One that compares rows by
    the order of their predictions has an attribute ``ranks = True``: it is computed within folds.
    In place of a function there may be a ``Metric``.

    Of functions of scikit-learn all of this is known, see ``scikit_metric``.

    Args:
        name: ``module:function``; the module is looked for on the import path and in the working
            directory.
        task: The task it has to score.
        quantiles: Levels of a quantile task.

    Raises:
        ConfigError: It cannot be imported, cannot be called, gives no finite number, does not
            prefer a perfect prediction to a shuffled one, or is a function of scikit-learn that
            does not score predictions of this task.
    """
    found = _import(name)
    if isinstance(found, Metric):
        return found
    if not callable(found):
        raise ConfigError(f"metric {name!r} is a {type(found).__name__}, expected a function")
    known = scikit_metric(name, found, task)
    takes = _takes(name, found)
    if known is None:
        function = CustomFunction(found, takes)
        known = ScikitMetric(
            _direction(name, found), _needs(name, found, task), _flag(name, found, "ranks", False)
        )
    elif known.needs == "probabilities":
        labels = frozenset({ALL_LABELS} & inspect.signature(found).parameters.keys())
        function = CustomFunction(found, takes | labels, of_class_1=task is Task.BINARY)
    else:
        function = CustomFunction(found, takes)
    metric = Metric(
        name=name,
        greater_is_better=known.greater_is_better,
        needs=known.needs,
        bounds=(-float("inf"), float("inf")),
        tasks=CLASSES if task.is_classification else frozenset({task}),
        function=function,
        quantiles=quantiles,
        ranks=known.ranks,
        undefined=known.undefined,
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
    return _flag(name, function, "greater_is_better", True)


def _flag(name: str, function: Any, attribute: str, default: bool) -> bool:
    value = getattr(function, attribute, default)
    if not isinstance(value, bool):
        raise ConfigError(f"metric {name!r}: {attribute} is {value!r}, not True or False")
    return value


def _needs(name: str, function: Any, task: Task) -> Any:
    """What a function is shown: as its attribute says, or the name of its second parameter."""
    choices = CLASSIFICATION_NEEDS if task.is_classification else ("values",)
    default = choices[0]
    if task.is_classification and _second_name(function) in SECOND_IS_PROBABILITIES:
        default = "probabilities"
    needs = getattr(function, "needs", default)
    if needs not in choices:
        raise ConfigError(
            f"metric {name!r}: needs is {needs!r}; for a {task} task it can be "
            f"{' or '.join(repr(choice) for choice in choices)}"
        )
    return needs


def _second_name(function: Any) -> str:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # it is called, or refused, without
        return ""
    return names[1] if len(names) > 1 else ""


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
    if best == worse:
        raise ConfigError(
            f"metric {metric.name!r} gives a perfect prediction and a shuffled one the same score "
            f"{best:g}: it cannot tell models of a {task} task apart"
        )
    if not metric.is_better(best, worse):
        opposite = not metric.greater_is_better
        raise ConfigError(
            f"metric {metric.name!r} gives a perfect prediction {best:g} and a shuffled one "
            f"{worse:g}, and greater_is_better is {metric.greater_is_better}: set the function's "
            f"attribute greater_is_better = {opposite} if that is its direction"
        )


def _score(metric: Metric, y_true: NDArray[Any], prediction: NDArray[Any]) -> float:
    score, reason = metric.evaluate(y_true, prediction)
    if reason:
        raise ConfigError(
            f"metric {metric.name!r} fails on a try-out of {N_ROWS} rows with {metric.needs} "
            f"{_shape(metric, prediction)} as predictions: {reason}. If it lacks a setting, write "
            "a function of your own that gives it, and name that as module:function"
        )
    return score


def _shape(metric: Metric, prediction: NDArray[Any]) -> str:
    """The shape of what the function is shown, for people."""
    if metric.needs == "labels" or getattr(metric.function, "of_class_1", False):
        return "(n_rows,)"
    return "(n_rows,)" if prediction.ndim == 1 else f"(n_rows, {prediction.shape[1]})"
