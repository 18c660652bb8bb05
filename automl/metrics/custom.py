"""Imports custom metrics named ``module:function``, and tests them before a search uses them."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from automl.errors import ConfigError, did_you_mean
from automl.metrics.scikit import (
    SECOND_IS_PROBABILITIES,
    Needs,
    ScikitMetric,
    Scorer,
    scikit_metric,
    scorer_of,
)
from automl.metrics.try_out import try_out
from automl.plugin.metric import Metric, NoScoreError, Optimum
from automl.plugin.task import Task

__all__ = ["CustomFunction", "import_metric", "load_metric", "own_metric"]

CLASSES = frozenset(task for task in Task if task.is_classification)
OPTIONAL = frozenset({"sample_weight", "quantiles"})
ALL_LABELS = "labels"
CLASSIFICATION_NEEDS: tuple[Needs, Needs] = ("labels", "probabilities")


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
    scorer = scorer_of(name, found)
    if scorer is not None:
        return _scored_by(name, scorer, task, quantiles)
    known = scikit_metric(name, found, task)
    takes = _takes(name, found)
    if known is None:
        function = CustomFunction(found, takes)
        known = ScikitMetric(
            _direction(name, found),
            _needs(name, found, task),
            _is_ranking(name, found),
            optimum=_optimum(name, found),
        )
    elif known.needs == "probabilities":
        labels = frozenset({ALL_LABELS} & inspect.signature(found).parameters.keys())
        function = CustomFunction(found, takes | labels, of_class_1=task is Task.BINARY)
    else:
        function = CustomFunction(found, takes)
    return _tried(name, known, function, task, quantiles)


def _scored_by(name: str, scorer: Scorer, task: Task, quantiles: tuple[float, ...]) -> Metric:
    """Makes a metric of a scorer's function, with the scorer's direction and prediction type."""
    base = scorer.function.func
    is_scikits = str(getattr(base, "__module__", "")).startswith("sklearn.")
    known = scikit_metric(name, scorer.function, task) if is_scikits else None
    needs = CLASSIFICATION_NEEDS[scorer.of_probabilities] if task.is_classification else "values"
    known = known or ScikitMetric(
        True, needs, _is_ranking(name, base), optimum=_optimum(name, base)
    )
    known = replace(known, greater_is_better=scorer.greater_is_better, needs=needs)
    takes = _takes(name, scorer.function)
    if needs == "probabilities" and is_scikits:
        takes |= {ALL_LABELS} & inspect.signature(scorer.function).parameters.keys()
    of_class_1 = needs == "probabilities" and task is Task.BINARY  # as scikit-learn's scorers do
    return _tried(name, known, CustomFunction(scorer.function, takes, of_class_1), task, quantiles)


def _tried(
    name: str,
    known: ScikitMetric,
    function: CustomFunction,
    task: Task,
    quantiles: tuple[float, ...],
) -> Metric:
    metric = Metric(
        name=name,
        greater_is_better=known.greater_is_better,
        needs=known.needs,
        bounds=(-float("inf"), float("inf")),
        tasks=CLASSES if task.is_classification else frozenset({task}),
        function=function,
        quantiles=quantiles,
        is_ranking=known.is_ranking,
        undefined=known.undefined,
        optimum=known.optimum,
    )
    try_out(metric, task)
    return metric


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


def _direction(name: str, function: Any) -> bool:
    return _flag(name, function, "greater_is_better", True)


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


def _needs(name: str, function: Any, task: Task) -> Any:
    """Type of predictions that a function takes, by its attribute or its second parameter."""
    choices = CLASSIFICATION_NEEDS if task.is_classification else ("values",)
    default = choices[0]
    if task.is_classification and _second_name(function) in SECOND_IS_PROBABILITIES:
        default = "probabilities"
    needs = getattr(function, "needs", default)
    if needs not in choices:
        raise ConfigError(
            f"metric {name!r}: needs is {needs!r}; for a {task} task it must be "
            f"{' or '.join(repr(choice) for choice in choices)}"
        )
    return needs


def _second_name(function: Any) -> str:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # no signature; _takes reports it
        return ""
    return names[1] if len(names) > 1 else ""


def _takes(name: str, function: Any) -> frozenset[str]:
    try:
        return frozenset(OPTIONAL & inspect.signature(function).parameters.keys())
    except (TypeError, ValueError) as error:
        raise ConfigError(f"metric {name!r} cannot be called: {error}") from None
