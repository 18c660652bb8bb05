"""Parameters of LightGBM that a user may fix, inside and outside of the search space.

Names, types and ranges follow the page "Parameters" of LightGBM 4.7.
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
from automl_plugins.lightgbm.refused_params import ALIASES, REFUSED

__all__ = ["BINNING", "DEFAULT_BINS", "extra_params", "library_params", "needs_squares"]

DEFAULT_BINS = 255

BINNING = (
    "bin_construct_sample_cnt",
    "enable_bundle",
    "is_enable_sparse",
    "linear_tree",
    "max_bin_by_feature",
    "min_data_in_bin",
    "use_missing",
    "zero_as_missing",
)
"""Parameters of the binned data, part of the key under which it is cached and shared."""

BY_COLUMN: Mapping[str, Any] = {
    "cegb_penalty_feature_coupled": 0.0,
    "cegb_penalty_feature_lazy": 0.0,
    "feature_contri": 1.0,
    "max_bin_by_feature": None,  # as for other columns
    MONOTONE: 0,
}
"""Parameters with a value per column, with the value of columns that are not named."""

_SHARE = Param("float", above=0, high=1)
_PENALTY = Param("float", low=0)
_COUNT = Param("int", low=1)
_FLAG = Param("bool")
_COSTS = Param("float", low=0, form="columns")

_BOOSTING: Mapping[str, Param] = {
    "learning_rate": _SHARE,  # above 1 steps overshoot
    "num_leaves": Param("int", low=2, high=131_072),
    "max_depth": Param("int", low=-1),
    "min_data_in_leaf": Param("int", low=0),
    "min_sum_hessian_in_leaf": _PENALTY,
    "min_gain_to_split": _PENALTY,
    "bagging_fraction": _SHARE,
    "bagging_freq": Param("int", low=0),
    "feature_fraction": _SHARE,
    "feature_fraction_bynode": _SHARE,
    "extra_trees": _FLAG,
    "max_delta_step": Param("float"),
    "lambda_l1": _PENALTY,
    "lambda_l2": _PENALTY,
    "path_smooth": _PENALTY,
    "data_sample_strategy": Param(choices=("bagging", "goss")),
    "boost_from_average": _FLAG,
    "use_quantized_grad": _FLAG,
    "num_grad_quant_bins": Param("int", low=2, needs={"use_quantized_grad": (True,)}),
    "quant_train_renew_leaf": Param("bool", needs={"use_quantized_grad": (True,)}),
    "stochastic_rounding": Param("bool", needs={"use_quantized_grad": (True,)}),
    "cegb_tradeoff": _PENALTY,
    "cegb_penalty_split": _PENALTY,
    "cegb_penalty_feature_coupled": _COSTS,
    "cegb_penalty_feature_lazy": _COSTS,
    "feature_contri": _COSTS,
    INTERACTIONS: Param(form="groups"),
    "bin_construct_sample_cnt": _COUNT,
    "enable_bundle": _FLAG,
    "is_enable_sparse": _FLAG,
    "max_bin_by_feature": numeric_columns("int", low=2),
    "min_data_in_bin": _COUNT,
    "use_missing": _FLAG,
    "zero_as_missing": _FLAG,
}

_OF_CATEGORIES: Mapping[str, Param] = {
    "cat_l2": _PENALTY,
    "cat_smooth": _PENALTY,
    "max_cat_threshold": _COUNT,
    "max_cat_to_onehot": _COUNT,
    "min_data_per_group": _COUNT,
}

_OF_TWO_CLASSES: Mapping[str, Param] = {
    "is_unbalance": _FLAG,
    "neg_bagging_fraction": Param("float", above=0, high=1, needs={"pos_bagging_fraction": ()}),
    "pos_bagging_fraction": Param("float", above=0, high=1, needs={"neg_bagging_fraction": ()}),
    "scale_pos_weight": Param("float", above=0),
}

_MONOTONE: Mapping[str, Param] = {
    MONOTONE: numeric_columns("int", low=-1, high=1),
    "monotone_constraints_method": Param(
        choices=("basic", "intermediate", "advanced"), needs={MONOTONE: ()}
    ),
    "monotone_penalty": Param("float", low=0, needs={MONOTONE: ()}),
}

_LINEAR: Mapping[str, Param] = {
    "linear_tree": _FLAG,
    "linear_lambda": Param("float", low=0, needs={"linear_tree": (True,)}),
}


def extra_params(problem: ProblemInfo) -> dict[str, Param]:
    """Parameters that can be set on this data, those that cannot, and aliases."""
    fixed = problem.settings.get("fixed") or {}
    groups = (
        (_OF_CATEGORIES, "" if problem.n_categorical else "the data has no categorical column"),
        (_OF_TWO_CLASSES, "" if problem.task is Task.BINARY else "only binary tasks use it"),
        (_MONOTONE, _why_not_monotone(problem, fixed)),
        (_LINEAR, _why_not_linear(problem)),
    )
    settable = {**_BOOSTING, **_rates_of_goss(fixed)}
    refused = {name: Param(refused=why) for why, names in REFUSED.items() for name in names}
    for params, why in groups:
        settable |= {name: Param(refused=why) for name in params} if why else params
    if "scale_pos_weight" in fixed and fixed.get("is_unbalance"):
        settable["is_unbalance"] = Param(refused="scale_pos_weight already sets class weights")
    if _is_goss(fixed):
        why = "data_sample_strategy: 'goss' samples rows in its own way; remove one of the two"
        settable |= {name: Param(refused=why) for name in settable if "bagging" in name}
    aliases = {
        alias: refused[name] if name in refused else Param(alias_of=name)
        for name, others in ALIASES.items()
        for alias in others
    }
    return {**aliases, **refused, **settable}


def _is_goss(fixed: Mapping[str, Any]) -> bool:
    return bool(fixed.get("data_sample_strategy") == "goss")


def _rates_of_goss(fixed: Mapping[str, Any]) -> dict[str, Param]:
    """The two shares of rows that GOSS samples; their sum is at most 1."""
    needs = {"data_sample_strategy": ("goss",)}
    taken = {"top_rate": 0.2, "other_rate": 0.1}  # LightGBM's defaults
    taken |= {n: v for n, v in fixed.items() if n in taken and isinstance(v, int | float)}
    pairs = (("top_rate", "other_rate"), ("other_rate", "top_rate"))
    return {
        one: Param("float", above=0, high=max(0.0, 1 - taken[other]), needs=needs)
        for one, other in pairs
    }


def library_params(params: Params, features: Features, problem: ProblemInfo) -> dict[str, Any]:
    """Params for LightGBM: column names become positions, params of automl are removed."""
    found = {name: value for name, value in params.items() if name != "generated"}
    for name, default in BY_COLUMN.items():
        if name in params:
            found[name] = values_by_position(params[name], features, problem, default)
    if INTERACTIONS in params:
        found[INTERACTIONS] = groups_of_positions(params[INTERACTIONS], features, problem)
    if "max_bin_by_feature" in params:
        most = problem.settings["max_bin"]
        found["max_bin_by_feature"] = [bins or most for bins in found["max_bin_by_feature"]]
    if _is_goss(params):
        found["bagging_freq"] = 0
    return found


def needs_squares(params: Params) -> bool:
    """True if regression must minimise squared errors even if the metric uses absolute ones.

    For absolute errors LightGBM refits leaf values, which would violate constraints and does not
    support linear leaves; it rejects both.
    """
    return MONOTONE in params or bool(params.get("linear_tree"))


def _why_not_monotone(problem: ProblemInfo, fixed: Mapping[str, Any]) -> str:
    if problem.task is Task.MULTICLASS:
        return "with several classes a constraint on scores does not make probabilities monotone"
    if problem.task is Task.QUANTILE:
        return "LightGBM cannot constrain quantiles, because it refits their leaf values"
    if fixed.get("linear_tree"):
        return "linear_tree violates constraints; remove one of the two"
    return ""


def _why_not_linear(problem: ProblemInfo) -> str:
    if problem.task is Task.QUANTILE:
        return "LightGBM has no linear leaves for quantiles"
    return ""
