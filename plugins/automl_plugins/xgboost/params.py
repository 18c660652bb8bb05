"""XGBoost's parameters that a user may set, beyond or within those that trials vary.

Names, types and ranges are those of the page "XGBoost Parameters" of XGBoost 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.plugin import Features, Param, Params, Shape, Task
from automl_plugins.common.constraints import (
    INTERACTIONS,
    MONOTONE,
    groups_of_positions,
    numeric_columns,
    values_by_position,
)

__all__ = ["extra_params", "library_params"]

_SHARE = Param("float", above=0, high=1)
_PENALTY = Param("float", low=0)

_SETTABLE: Mapping[str, Param] = {
    "learning_rate": _SHARE,
    "max_depth": Param("int", low=0),
    "max_leaves": Param("int", low=0),
    "grow_policy": Param(choices=("depthwise", "lossguide")),
    "min_child_weight": _PENALTY,
    "gamma": _PENALTY,
    "max_delta_step": _PENALTY,
    "reg_alpha": _PENALTY,
    "reg_lambda": _PENALTY,
    "subsample": _SHARE,
    "colsample_bytree": _SHARE,
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "base_score": Param("float"),
    INTERACTIONS: Param(form="groups"),
}

_OF_CATEGORIES: Mapping[str, Param] = {
    "max_cat_threshold": Param("int", low=1),
    "max_cat_to_onehot": Param("int", low=1),
}

_ALIASES = {
    "alpha": "reg_alpha",
    "eta": "learning_rate",
    "lambda": "reg_lambda",
    "min_split_loss": "gamma",
}

_REFUSED: Mapping[str, tuple[str, ...]] = {
    "it follows the task and the metric of the run": (
        *("objective", "eval_metric", "num_class", "num_target", "multi_strategy"),
        *("disable_default_eval_metric", "huber_slope", "quantile_alpha"),
        *("tweedie_variance_power", "expectile_alpha"),
    ),
    "early stopping finds the rounds; model.xgboost.max_rounds is the most of them": (
        *("n_estimators", "num_boost_round", "num_round", "early_stopping_rounds"),
    ),
    "early stopping cannot cut models whose trees change afterwards": (
        *("booster", "normalize_type", "one_drop", "rate_drop", "sample_type", "skip_drop"),
    ),
    "fits cut a model at single trees": ("num_parallel_tree",),
    "model.xgboost.max_bin sets it": ("max_bin",),
    "scheduler.threads_per_fit sets it": ("n_jobs", "nthread"),
    "the seed of the run sets it, for all that is drawn": (
        "random_state",
        "seed",
        "seed_per_iteration",
    ),
    "scheduler.gpus says which GPUs there are": ("device", "gpu_id"),
    "trials share their binned data, which hist alone takes": (
        *("max_cached_hist_node", "process_type", "refresh_leaf", "sampling_method", "sketch_eps"),
        *("tree_method", "updater", "updaters", "enable_categorical", "feature_types"),
    ),
    "XGBoost takes it with the data, not as a parameter": ("feature_weights",),
    "missing values are known from the data": ("missing",),
    "it is no matter of training": (
        *("callbacks", "importance_type", "silent", "validate_parameters", "verbosity"),
    ),
}


def extra_params(shape: Shape) -> dict[str, Param]:
    """XGBoost's parameters: those that can be set on such data, those that cannot, aliases."""
    settable = dict(_SETTABLE)
    refused = {name: Param(refused=why) for why, names in _REFUSED.items() for name in names}
    monotone = numeric_columns("int", low=-1, high=1)
    several = "with several classes no probability is monotone in the scores that it constrains"
    of_two = "it is for two classes"
    groups: tuple[tuple[Mapping[str, Param], str], ...] = (
        (_OF_CATEGORIES, "" if shape.n_categorical else "the data have no column of categories"),
        ({MONOTONE: monotone}, several if shape.task is Task.MULTICLASS else ""),
        ({"scale_pos_weight": _PENALTY}, "" if shape.task is Task.BINARY else of_two),
    )
    for params, why in groups:
        settable |= {name: Param(refused=why) for name in params} if why else params
    if shape.task is Task.BINARY:
        settable["base_score"] = Param("float", above=0, below=1)
    elif shape.task is Task.MULTICLASS:
        settable["base_score"] = Param(refused="with several classes the data say it")
    aliases = {alias: Param(alias_of=name) for alias, name in _ALIASES.items()}
    return {**aliases, **refused, **settable}


def library_params(params: Params, features: Features, shape: Shape) -> dict[str, Any]:
    """Params as XGBoost takes them: those that name columns by position."""
    found = dict(params)
    if MONOTONE in params:
        found[MONOTONE] = tuple(values_by_position(params[MONOTONE], features, shape, 0))
    if INTERACTIONS in params:
        groups = groups_of_positions(params[INTERACTIONS], features, shape)
        found[INTERACTIONS] = str(groups)  # lists are taken for names, and there are none
    return found
