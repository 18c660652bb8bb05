"""Parameters of XGBoost that a user may fix, inside and outside of the search space.

Names, types and ranges follow the page "XGBoost Parameters" of XGBoost 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.plugin import Features, Param, Params, ProblemInfo, Task
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
    "it is derived from the task and the metric": (
        *("objective", "eval_metric", "num_class", "num_target", "multi_strategy"),
        *("disable_default_eval_metric", "huber_slope", "quantile_alpha"),
        *("tweedie_variance_power", "expectile_alpha"),
    ),
    "early stopping chooses the number of rounds; model.xgboost.max_rounds limits it": (
        *("n_estimators", "num_boost_round", "num_round", "early_stopping_rounds"),
    ),
    "early stopping cannot cut models whose earlier trees change": (
        *("booster", "normalize_type", "one_drop", "rate_drop", "sample_type", "skip_drop"),
    ),
    "models are cut at single trees": ("num_parallel_tree",),
    "use model.xgboost.max_bin": ("max_bin",),
    "use scheduler.threads_per_fit": ("n_jobs", "nthread"),
    "it is derived from the seed of the run": (
        "random_state",
        "seed",
        "seed_per_iteration",
    ),
    "use scheduler.gpus to choose GPUs": ("device", "gpu_id"),
    "trials share binned data, which only the method hist supports": (
        *("max_cached_hist_node", "process_type", "refresh_leaf", "sampling_method", "sketch_eps"),
        *("tree_method", "updater", "updaters", "enable_categorical", "feature_types"),
    ),
    "XGBoost takes it with the data, not as a parameter": ("feature_weights",),
    "missing values are part of the data": ("missing",),
    "it does not affect training": (
        *("callbacks", "importance_type", "silent", "validate_parameters", "verbosity"),
    ),
}


def extra_params(problem: ProblemInfo) -> dict[str, Param]:
    """Parameters that can be set on this data, those that cannot, and aliases."""
    settable = dict(_SETTABLE)
    refused = {name: Param(refused=why) for why, names in _REFUSED.items() for name in names}
    monotone = numeric_columns("int", low=-1, high=1)
    several = "with several classes a constraint on scores does not make probabilities monotone"
    of_two = "only binary tasks use it"
    groups: tuple[tuple[Mapping[str, Param], str], ...] = (
        (_OF_CATEGORIES, "" if problem.n_categorical else "the data has no categorical column"),
        ({MONOTONE: monotone}, several if problem.task is Task.MULTICLASS else ""),
        ({"scale_pos_weight": _PENALTY}, "" if problem.task is Task.BINARY else of_two),
    )
    for params, why in groups:
        settable |= {name: Param(refused=why) for name in params} if why else params
    if problem.task is Task.BINARY:
        settable["base_score"] = Param("float", above=0, below=1)
    elif problem.task is Task.MULTICLASS:
        settable["base_score"] = Param(refused="with several classes it is computed from the data")
    aliases = {alias: Param(alias_of=name) for alias, name in _ALIASES.items()}
    return {**aliases, **refused, **settable}


def library_params(params: Params, features: Features, problem: ProblemInfo) -> dict[str, Any]:
    """Params for XGBoost, with positions instead of column names."""
    found = dict(params)
    if MONOTONE in params:
        found[MONOTONE] = tuple(values_by_position(params[MONOTONE], features, problem, 0))
    if INTERACTIONS in params:
        groups = groups_of_positions(params[INTERACTIONS], features, problem)
        found[INTERACTIONS] = str(groups)  # XGBoost would read a list as feature names
    return found
