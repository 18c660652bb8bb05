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
    "CLASSIFICATION_NEEDS",
    "SECOND_IS_PROBABILITIES",
    "Needs",
    "ScikitMetric",
    "scikit_metric",
    "scorer_parts",
    "unwrapped",
]

Needs = Literal["probabilities", "labels", "values"]
CLASSIFICATION_NEEDS: tuple[Needs, Needs] = ("labels", "probabilities")

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


def scorer_parts(name: str, found: Any, task: Task) -> tuple[Any, dict[str, Any]]:
    """Extracts the function of a scorer of scikit-learn, and what the scorer decides.

    Returns:
        ``(y_true, y_pred)`` with the scorer's own keywords, and ``greater_is_better`` and ``needs``
        as of ``ScikitMetric``; probabilities of two classes are those of class 1. Anything else
        than a scorer is returned unchanged, with nothing.

    Raises:
        ConfigError: The scorer does not expose its function in this version of scikit-learn.
    """
    if inspect.isfunction(found) or not type(found).__module__.startswith("sklearn."):
        return found, {}
    parts = _parts(found)
    if parts is None:
        raise _takes_a_model(name, found)
    function, greater_is_better, decided = parts
    needs = CLASSIFICATION_NEEDS[not decided] if task.is_classification else "values"
    settings = dict(getattr(found, "_kwargs", {}))
    decides = {"greater_is_better": greater_is_better, "needs": needs}
    return partial(function, **settings), decides


def _parts(scorer: Any) -> tuple[Any, bool, bool] | None:
    """Function of a scorer, its direction, and whether it takes labels or values; else None."""
    function, sign = getattr(scorer, "_score_func", None), getattr(scorer, "_sign", None)
    methods = getattr(scorer, "_response_method", None)
    if function is None or sign not in (1, -1) or not methods:
        return None
    return function, sign == 1, methods == "predict"


def _takes_a_model(name: str, found: Any) -> ConfigError:
    return ConfigError(
        f"metric {name!r} is a {type(found).__name__} of scikit-learn, which takes a model: "
        "name its function instead, such as sklearn.metrics:roc_auc_score"
    )


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
    base = unwrapped(function)
    module = str(getattr(base, "__module__", ""))
    if not module.startswith("sklearn."):
        return None
    if not inspect.isfunction(base):
        raise _takes_a_model(name, base)
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


def unwrapped(function: Any) -> Any:
    """Returns the function of a scorer or of a ``functools.partial``; others unchanged."""
    function = getattr(function, "_score_func", function)
    while isinstance(function, partial):
        function = function.func
    return function


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

    found = (_parts(get_scorer(scorer_name)) for scorer_name in get_scorer_names())
    return next((parts[1:] for parts in found if parts is not None and parts[0] is base), None)


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
    settings = function.keywords if isinstance(function, partial) else {}
    averages = task is not Task.BINARY or settings.get("average", "binary") != "binary"
    return None if averages and name in _OF_CLASS_1 else _UNDEFINED.get(name)
