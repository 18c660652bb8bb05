"""Imports custom metrics named ``module:function``, and tests them before a search uses them."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from automl.errors import ConfigError, did_you_mean
from automl.metrics.scikit import (
    CLASSIFICATION_NEEDS,
    SECOND_IS_PROBABILITIES,
    ScikitMetric,
    scikit_metric,
    scorer_parts,
)
from automl.plugin.metric import Metric, NoScoreError, Optimum
from automl.plugin.task import Task

__all__ = ["CustomFunction", "import_metric", "load_metric", "own_metric"]

CLASSES = frozenset(task for task in Task if task.is_classification)
OPTIONAL = frozenset({"sample_weight", "quantiles"})
ALL_LABELS = "labels"
N_ROWS = 100
"""Rows of the table on which a metric is tested."""


@dataclass(frozen=True, slots=True)
class CustomFunction:
    """Adapts a function with scikit-learn's signature: row weights as keyword ``sample_weight``.

    A function without that parameter is called without row weights. Any error it raises becomes a
    ``NoScoreError``: the metric is undefined for these rows.

    Attributes:
        function: ``(y_true, y_pred)``, optionally with ``sample_weight`` and ``quantiles``.
        takes: Which of these two parameters it has; also ``labels`` if it needs all class indices,
            because rows may lack some.
        of_class_1: Whether it takes only the probability of class 1, ``(n_rows,)``.
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
        except Exception as error:  # a function of the user may raise anything
            raise NoScoreError(f"{type(error).__name__}: {error}") from error


def load_metric(name: str, task: Task, quantiles: tuple[float, ...] = ()) -> Metric:
    """Imports a metric named ``module:function`` and tests it.

    The function takes ``(y_true, y_pred)``, and ``sample_weight`` if it has such a parameter.
    ``y_true`` holds class indices or values. ``y_pred`` holds the same by default, probabilities
    ``(n_rows, n_classes)`` if the function has an attribute ``needs = "probabilities"``, and
    ``(n_rows, n_levels)`` for a quantile task, with the levels as ``quantiles`` if it has that
    parameter. Optional attributes: ``greater_is_better = False``; ``is_ranking = True`` if it
    compares rows by the order of their predictions (it is then computed within folds);
    ``optimum = "median"`` for absolute errors (families then fit absolute errors). The name may
    also refer to a ``Metric``, or to a scorer made by scikit-learn's ``make_scorer``.

    For functions of scikit-learn all of this is known; see ``scikit_metric``.

    Args:
        name: ``module:function``; the module is searched on the import path and in the working
            directory.
        task: The task to score.
        quantiles: Levels of a quantile task.

    Raises:
        ConfigError: The metric cannot be imported or called, returns a non-finite number, does not
            prefer a perfect prediction to a shuffled one, or is a function of scikit-learn that
            does not score predictions of this task.
    """
    return own_metric(name, import_metric(name), task, quantiles)


def own_metric(name: str, found: Any, task: Task, quantiles: tuple[float, ...] = ()) -> Metric:
    """Makes a metric of a function or of a scorer of scikit-learn; returns a ``Metric`` unchanged.

    Args:
        name: Name of the metric.
        found: The function, scorer or ``Metric``; see ``load_metric``.
        task: The task to score.
        quantiles: Levels of a quantile task.

    Raises:
        ConfigError: See ``load_metric``.
    """
    if isinstance(found, Metric):
        return found
    if not callable(found):
        raise ConfigError(f"metric {name!r} is a {type(found).__name__}, expected a function")
    function, decided = scorer_parts(name, found, task)
    known = scikit_metric(name, function, task)
    parameters = _parameters(name, function)
    traits = known or _declared(name, function, parameters, task, is_scorers=bool(decided))
    traits = replace(traits, **decided)
    of_probabilities = traits.needs == "probabilities"
    takes = OPTIONAL | {ALL_LABELS} if known is not None and of_probabilities else OPTIONAL
    # as scikit-learn's scorers do; own functions get one column per class
    of_class_1 = of_probabilities and task is Task.BINARY and bool(known or decided)
    metric = Metric(
        name=name,
        greater_is_better=traits.greater_is_better,
        needs=traits.needs,
        bounds=(-float("inf"), float("inf")),
        tasks=CLASSES if task.is_classification else frozenset({task}),
        function=CustomFunction(function, takes & set(parameters), of_class_1),
        quantiles=quantiles,
        is_ranking=traits.is_ranking,
        undefined=traits.undefined,
        optimum=traits.optimum,
    )
    _try_out(metric, task)
    return metric


def _declared(
    name: str, function: Any, parameters: Sequence[str], task: Task, *, is_scorers: bool
) -> ScikitMetric:
    """Reads what a function declares by its attributes; a scorer decides some of it instead."""
    source = function.func if is_scorers else function
    return ScikitMetric(
        is_scorers or _flag(name, source, "greater_is_better", True),
        "values" if is_scorers else _needs(name, source, parameters, task),
        _is_ranking(name, source),
        optimum=_optimum(name, source),
    )


def import_metric(name: str) -> Any:
    """Imports the object named ``module:function``.

    Raises:
        ConfigError: The name has another form, or there is no such module or function.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"metric {name!r} is not of the form module:function")
    try:
        with _working_directory_importable():
            module = importlib.import_module(module_name)
    except Exception as error:  # a module of the user may raise anything
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
    """Adds the working directory to the import path, on which a console script lacks it."""
    folder = str(Path.cwd())
    if folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _flag(name: str, function: Any, attribute: str, default: bool) -> bool:
    value = getattr(function, attribute, default)
    if not isinstance(value, bool):
        raise ConfigError(f"metric {name!r}: {attribute} is {value!r}, not True or False")
    return value


def _is_ranking(name: str, function: Any) -> bool:
    if hasattr(function, "ranks"):  # ignored, the score would change without a word
        raise ConfigError(f"metric {name!r}: its attribute ranks is called is_ranking now")
    return _flag(name, function, "is_ranking", False)


def _optimum(name: str, function: Any) -> Optimum:
    value: Optimum = getattr(function, "optimum", "mean")
    if value not in get_args(Optimum):
        choices = " or ".join(map(repr, get_args(Optimum)))
        raise ConfigError(f"metric {name!r}: optimum is {value!r}; it must be {choices}")
    return value


def _needs(name: str, function: Any, parameters: Sequence[str], task: Task) -> Any:
    """Type of predictions that a function takes, by its attribute or its second parameter."""
    choices = CLASSIFICATION_NEEDS if task.is_classification else ("values",)
    is_of_probabilities = SECOND_IS_PROBABILITIES.intersection(parameters[1:2])
    default = "probabilities" if task.is_classification and is_of_probabilities else choices[0]
    needs = getattr(function, "needs", default)
    if needs not in choices:
        raise ConfigError(
            f"metric {name!r}: needs is {needs!r}; for a {task} task it must be "
            f"{' or '.join(repr(choice) for choice in choices)}"
        )
    return needs


def _parameters(name: str, function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"metric {name!r} cannot be called: {error}") from None


def _try_out(metric: Metric, task: Task) -> None:
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
    is_flat = metric.needs == "labels" or getattr(metric.function, "of_class_1", False)
    return "(n_rows,)" if is_flat or prediction.ndim == 1 else f"(n_rows, {prediction.shape[1]})"
