"""Looks up direction, prediction type and task of scikit-learn's metric functions.

Functions with a scorer (``sklearn.metrics.get_scorer_names``) have them there. For the others
scikit-learn's documented conventions hold: functions that end in ``_score`` are maximised, those
that end in ``_error``, ``_loss`` or ``_deviance`` minimised, and the second parameter is ``y_pred``
for labels or values, ``y_score`` or ``y_proba`` for probabilities.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

from automl.errors import ConfigError
from automl.metrics.undefined import (
    has_no_logarithm,
    has_no_spread,
    has_zeros,
    is_one_class,
    lacks_class_1,
)
from automl.plugin.metric import Optimum, UndefinedReason
from automl.plugin.task import Task

__all__ = [
    "SECOND_IS_PROBABILITIES",
    "Needs",
    "ScikitMetric",
    "Scorer",
    "scikit_metric",
    "scorer_of",
]

Needs = Literal["probabilities", "labels", "values"]

SECOND_IS_PROBABILITIES = frozenset({"y_score", "y_proba", "y_prob"})
SECOND_IS_DECIDED = frozenset({"y_pred", "y2"})
MAXIMISED, MINIMISED = ("_score",), ("_error", "_loss", "_deviance")
RANKING = frozenset({"roc_auc_score", "average_precision_score"})
BEST_AT_MEDIAN = (
    *("mean_absolute_error", "mean_absolute_percentage_error", "mean_pinball_loss"),
    *("d2_absolute_error_score", "median_absolute_error"),
)

_OF_CLASS_1 = ("f1_score", "fbeta_score", "jaccard_score", "precision_score", "recall_score")
_OF_SPREAD = ("d2_absolute_error_score", "d2_pinball_score", "d2_tweedie_score")
_UNDEFINED: dict[str, UndefinedReason] = {
    **dict.fromkeys(_OF_CLASS_1, lacks_class_1),
    **dict.fromkeys((*_OF_SPREAD, "explained_variance_score", "r2_score"), has_no_spread),
    **dict.fromkeys(("average_precision_score", "roc_auc_score"), is_one_class),
    **dict.fromkeys(("cohen_kappa_score", "matthews_corrcoef"), is_one_class),
    **dict.fromkeys(("d2_brier_score", "d2_log_loss_score"), is_one_class),
    "mean_absolute_percentage_error": has_zeros,
    **dict.fromkeys(("mean_squared_log_error", "root_mean_squared_log_error"), has_no_logarithm),
}


@dataclass(frozen=True, slots=True)
class ScikitMetric:
    """Properties of a metric function of scikit-learn.

    Attributes:
        greater_is_better: The direction.
        needs: Type of its second argument.
        is_ranking: Whether it compares rows by the order of their predictions.
        undefined: Returns the reason why it is undefined for some rows; None if it never is.
        optimum: The best constant prediction, see ``Metric``.
    """

    greater_is_better: bool
    needs: Needs
    is_ranking: bool = False
    undefined: UndefinedReason | None = None
    optimum: Optimum = "mean"


@dataclass(frozen=True, slots=True)
class Scorer:
    """The arguments of ``sklearn.metrics.make_scorer``.

    Attributes:
        function: ``(y_true, y_pred)`` with the scorer's own keywords.
        greater_is_better: The direction.
        of_probabilities: Whether it takes probabilities (for two classes, of class 1) instead of
            labels.
    """

    function: partial[Any]
    greater_is_better: bool
    of_probabilities: bool


def scorer_of(name: str, found: Any) -> Scorer | None:
    """Extracts function and settings of a scorer of scikit-learn; None for anything else.

    Raises:
        ConfigError: The scorer does not expose its function in this version of scikit-learn.
    """
    if inspect.isfunction(found) or not type(found).__module__.startswith("sklearn."):
        return None
    function, sign = getattr(found, "_score_func", None), getattr(found, "_sign", None)
    methods = getattr(found, "_response_method", None)
    if function is None or sign not in (1, -1) or not methods:
        raise ConfigError(
            f"metric {name!r} is a {type(found).__name__} of scikit-learn, which takes a model: "
            "name its function instead, such as sklearn.metrics:roc_auc_score"
        )
    settings = dict(getattr(found, "_kwargs", {}))
    return Scorer(partial(function, **settings), sign == 1, methods != "predict")


def scikit_metric(name: str, function: Any, task: Task) -> ScikitMetric | None:
    """Looks up a function of scikit-learn; returns None for any other function.

    Args:
        name: Name in the configuration, for messages.
        function: The function, or a ``functools.partial`` of it.
        task: The task to score.

    Raises:
        ConfigError: The function is scikit-learn's, but does not return a single score, needs more
            arguments than truth and prediction, or is for another task.
    """
    base = function
    while isinstance(base, partial):
        base = base.func
    module = str(getattr(base, "__module__", ""))
    if not module.startswith("sklearn."):
        return None
    if not inspect.isfunction(base):
        raise ConfigError(
            f"metric {name!r} is a {type(base).__name__} of scikit-learn, which takes a model: "
            "name its function instead, such as sklearn.metrics:roc_auc_score"
        )
    second = _second_parameter(name, function, base)
    direction, decided = _scorer_of(base) or (_by_name(name, base), second in SECOND_IS_DECIDED)
    _check_task(name, module, task)
    needs: Needs = "probabilities"
    if decided:
        needs = "labels" if task.is_classification else "values"
    elif not task.is_classification:
        raise ConfigError(f"metric {name!r} scores classes, but this is a {task} task")
    return ScikitMetric(
        direction,
        needs,
        base.__name__ in RANKING,
        _undefined(function, base.__name__, task),
        "median" if base.__name__ in BEST_AT_MEDIAN else "mean",
    )


def _second_parameter(name: str, function: Any, base: Any) -> str:
    """Name of the parameter that takes predictions.

    Raises:
        ConfigError: There is none, or the function has further required parameters.
    """
    parameters = list(inspect.signature(function).parameters.values())
    second = parameters[1].name if len(parameters) > 1 else ""
    if second not in SECOND_IS_DECIDED | SECOND_IS_PROBABILITIES:
        takes = ", ".join(p.name for p in parameters[:2])
        raise ConfigError(
            f"metric {name!r}: {base.__name__} takes ({takes}), not (y_true, y_pred): it does not "
            "score predictions"
        )
    needed = [
        p.name
        for p in parameters[2:]
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if needed:
        raise ConfigError(
            f"metric {name!r}: {base.__name__} also needs {' and '.join(needed)}. Write a "
            "function that calls it with a value, and name that as module:function"
        )
    return second


@lru_cache(maxsize=32)
def _scorer_of(base: Any) -> tuple[bool, bool] | None:
    """Direction of a function's scorer, and whether it takes labels or values; None without one.

    There is no public way from a function to its scorer; if these attributes disappear, the
    conventions decide (a test compares both).
    """
    from sklearn.metrics import get_scorer, get_scorer_names

    for scorer_name in get_scorer_names():
        scorer = get_scorer(scorer_name)
        if getattr(scorer, "_score_func", None) is not base:
            continue
        sign, methods = getattr(scorer, "_sign", None), getattr(scorer, "_response_method", None)
        if sign in (1, -1) and methods:
            return sign == 1, methods == "predict"
    return None


def _by_name(name: str, base: Any) -> bool:
    """Whether a function without a scorer is to be maximised, by the ending of its name."""
    if base.__name__.endswith(MAXIMISED):
        return True
    if base.__name__.endswith(MINIMISED):
        return False
    raise ConfigError(
        f"metric {name!r}: {base.__name__} does not return a single score. Write a function that "
        "does, and name that as module:function"
    )


def _check_task(name: str, module: str, task: Task) -> None:
    """Refuses a function whose scikit-learn module is for other tasks."""
    part = module.rsplit(".", 1)[-1]
    is_of = {"_regression": False, "_classification": True, "_ranking": True}.get(part)
    if is_of is None or is_of == task.is_classification:
        return
    what = "classes" if is_of else "values"
    raise ConfigError(f"metric {name!r} scores {what}, but this is a {task} task")


def _undefined(function: Any, name: str, task: Task) -> UndefinedReason | None:
    """Function that tells for which rows the metric is undefined; None if it never is."""
    averages = name in _OF_CLASS_1 and (
        isinstance(function, partial) and function.keywords.get("average", "binary") != "binary"
    )
    return (
        None
        if averages or (name in _OF_CLASS_1 and task is not Task.BINARY)
        else (_UNDEFINED.get(name))
    )
