"""What scikit-learn's metrics are made for: direction, kind of prediction, task.

scikit-learn knows it of the functions that have a scorer (``sklearn.metrics.get_scorer_names``).
For the others its documented conventions hold: a function that ends in ``_score`` is to be
maximised, one that ends in ``_error``, ``_loss`` or ``_deviance`` minimised, and the second
parameter is ``y_pred`` for labels or values, ``y_score`` or ``y_proba`` for probabilities.
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
    """What a function of scikit-learn compares, and how.

    Attributes:
        greater_is_better: The direction.
        needs: Of what its second argument holds.
        ranks: Whether it compares rows by the order of their predictions.
        undefined: For which rows it has no value; None where it has one for all.
        optimum: The best constant prediction, see ``Metric``.
    """

    greater_is_better: bool
    needs: Needs
    ranks: bool = False
    undefined: UndefinedReason | None = None
    optimum: Optimum = "mean"


@dataclass(frozen=True, slots=True)
class Scorer:
    """What ``sklearn.metrics.make_scorer`` was told.

    Attributes:
        function: ``(y_true, y_pred)`` with the scorer's own keywords.
        greater_is_better: The direction.
        of_probabilities: Whether it is shown probabilities (of class 1, where there are two) in
            place of labels.
    """

    function: partial[Any]
    greater_is_better: bool
    of_probabilities: bool


def scorer_of(name: str, found: Any) -> Scorer | None:
    """Takes a scorer of scikit-learn apart; None for anything else.

    Raises:
        ConfigError: It is one from which this version of scikit-learn does not tell its function.
    """
    if inspect.isfunction(found) or not type(found).__module__.startswith("sklearn."):
        return None
    function, sign = getattr(found, "_score_func", None), getattr(found, "_sign", None)
    methods = getattr(found, "_response_method", None)
    if function is None or sign not in (1, -1) or not methods:
        raise ConfigError(
            f"metric {name!r} is a {type(found).__name__} of scikit-learn, which takes a model: "
            "name its function, such as sklearn.metrics:roc_auc_score"
        )
    settings = dict(getattr(found, "_kwargs", {}))
    return Scorer(partial(function, **settings), sign == 1, methods != "predict")


def scikit_metric(name: str, function: Any, task: Task) -> ScikitMetric | None:
    """Looks a function of scikit-learn up; None for any other function.

    Args:
        name: As in the configuration, for errors.
        function: The function, or a ``functools.partial`` of it.
        task: What it is to score.

    Raises:
        ConfigError: It is of scikit-learn, and gives no single score of predictions, needs more
            than the two of them, or is for another task.
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
            "name its function, such as sklearn.metrics:roc_auc_score"
        )
    second = _second_parameter(name, function, base)
    direction, decided = _scorer_of(base) or (_by_name(name, base), second in SECOND_IS_DECIDED)
    _check_task(name, module, task)
    needs: Needs = "probabilities"
    if decided:
        needs = "labels" if task.is_classification else "values"
    elif not task.is_classification:
        raise ConfigError(f"metric {name!r} scores classes, and this is a {task} task")
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
        ConfigError: There is none, or more than truth and prediction must be given.
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
            f"metric {name!r}: {base.__name__} needs {' and '.join(needed)} as well. Write a "
            "function of your own that calls it with a value, and name that as module:function"
        )
    return second


@lru_cache(maxsize=32)
def _scorer_of(base: Any) -> tuple[bool, bool] | None:
    """Direction and whether labels or values are compared, as its scorers have it; None if none.

    There is no public way from a function to its scorer; where these attributes are gone, the
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
    """Whether a function without a scorer is to be maximised, by what its name ends in."""
    if base.__name__.endswith(MAXIMISED):
        return True
    if base.__name__.endswith(MINIMISED):
        return False
    raise ConfigError(
        f"metric {name!r}: {base.__name__} gives no single score to be made larger or smaller. "
        "Write a function of your own that does, and name that as module:function"
    )


def _check_task(name: str, module: str, task: Task) -> None:
    """Compares a task with the part of scikit-learn that a function is of, where that tells."""
    part = module.rsplit(".", 1)[-1]
    is_of = {"_regression": False, "_classification": True, "_ranking": True}.get(part)
    if is_of is None or is_of == task.is_classification:
        return
    what = "classes" if is_of else "values"
    raise ConfigError(f"metric {name!r} scores {what}, and this is a {task} task")


def _undefined(function: Any, name: str, task: Task) -> UndefinedReason | None:
    """For which rows there is no value. Averages over classes have one for any rows."""
    averages = name in _OF_CLASS_1 and (
        isinstance(function, partial) and function.keywords.get("average", "binary") != "binary"
    )
    return (
        None
        if averages or (name in _OF_CLASS_1 and task is not Task.BINARY)
        else (_UNDEFINED.get(name))
    )
