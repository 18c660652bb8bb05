"""Parameters of CatBoost that a user may fix, inside and outside of the search space.

Names, types and ranges follow the page "Training parameters" of CatBoost 1.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.plugin import Features, Param, Params, ProblemInfo, Task
from automl_plugins.common.constraints import MONOTONE, numeric_columns, values_by_position

__all__ = ["extra_params", "library_params", "policies"]

RARE = 1e-9
"""Probability small enough not to occur in thousands of trees."""

POLICIES = ("SymmetricTree", "Depthwise")

_SHARE = Param("float", above=0, high=1)
_PENALTY = Param("float", low=0)
_COUNT = Param("int", low=1)
_COSTS = Param("float", low=0, form="columns")
_OF_LEAVES = {"grow_policy": ("Depthwise", "Lossguide")}

_SETTABLE: Mapping[str, Param] = {
    "learning_rate": _SHARE,
    "depth": Param("int", low=1, high=16),
    "grow_policy": Param(choices=(*POLICIES, "Lossguide")),
    "l2_leaf_reg": _PENALTY,
    "subsample": _SHARE,
    "colsample_bylevel": _SHARE,
    "leaf_estimation_iterations": _COUNT,
    "leaf_estimation_backtracking": Param(choices=("No", "AnyImprovement")),
    "random_strength": _PENALTY,
    "sampling_frequency": Param(choices=("PerTree", "PerTreeLevel")),
    "score_function": Param(choices=("Cosine", "L2")),
    "min_data_in_leaf": Param("int", low=1, needs=_OF_LEAVES),
    "max_leaves": Param("int", low=2, high=64, needs={"grow_policy": ("Lossguide",)}),
    "feature_weights": _COSTS,
    "first_feature_use_penalties": _COSTS,
    "model_shrink_rate": Param("float", low=0, below=1),
    "penalties_coefficient": Param("float", low=0, needs={"first_feature_use_penalties": ()}),
}
_DEFAULTS = {"feature_weights": 1.0, "first_feature_use_penalties": 0.0, MONOTONE: 0}

_OF_CATEGORIES: Mapping[str, Param] = {
    "one_hot_max_size": Param("int", low=0),
    "max_ctr_complexity": Param("int", low=0),
    "model_size_reg": _PENALTY,
    "counter_calc_method": Param(choices=("SkipTest", "Full")),
    "ctr_leaf_count_limit": _COUNT,
    "store_all_simple_ctr": Param("bool", needs={"ctr_leaf_count_limit": ()}),
}

_ALIASES = {
    "colsample_bylevel": ("rsm",),
    "depth": ("max_depth",),
    "l2_leaf_reg": ("reg_lambda",),
    "learning_rate": ("eta",),
    "max_leaves": ("num_leaves",),
    "min_data_in_leaf": ("min_child_samples",),
}

_REFUSED: Mapping[str, tuple[str, ...]] = {
    "it is derived from the task and the metric": (
        *("loss_function", "objective", "eval_metric", "custom_metric", "custom_loss"),
        *("classes_count", "class_names", "leaf_estimation_method"),
    ),
    "early stopping chooses the number of rounds; model.catboost.max_rounds limits it": (
        *("iterations", "n_estimators", "num_boost_round", "num_trees", "early_stopping_rounds"),
        *("od_pval", "od_type", "od_wait", "use_best_model", "best_model_min_trees"),
    ),
    "use model.catboost.max_bin": ("border_count", "max_bin"),
    "use scheduler.threads_per_fit": ("thread_count",),
    "use scheduler.fit_memory_gib": ("used_ram_limit",),
    "it is derived from the seed of the run": ("random_seed", "random_state"),
    "CatBoost fits run on CPUs only": ("task_type", "devices", "gpu_cat_features_storage"),
    "rows are sampled by Bernoulli": ("bootstrap_type", "bagging_temperature", "mvs_reg"),
    "the boosting type is Plain": (
        *("boosting_type", "fold_len_multiplier", "fold_permutation_block", "has_time"),
        *("approx_on_full_history", "langevin", "diffusion_temperature", "posterior_sampling"),
        *("boost_from_average", "model_shrink_mode", "random_score_type"),
    ),
    "use the setting weight, a column with row weights": (
        *("auto_class_weights", "class_weights", "scale_pos_weight"),
    ),
    "use data.kinds to declare column kinds": (
        *("cat_features", "text_features", "embedding_features", "ignored_features"),
        *("nan_mode", "per_float_feature_quantization", "feature_border_type", "input_borders"),
    ),
    "texts are encoded before the fit": (
        *("dictionaries", "feature_calcers", "text_processing", "tokenizers"),
    ),
    "its descriptions of statistics differ between releases": (
        *("combinations_ctr", "ctr_description", "ctr_history_unit", "ctr_target_border_count"),
        *("final_ctr_computation_mode", "per_feature_ctr", "simple_ctr", "target_border"),
    ),
    "it refers to rows, or to parts of the library that fits do not use": (
        *("allow_const_label", "callback", "data_partition", "dev_efb_max_buckets"),
        *("dev_score_calc_obj_block_size", "device_config", "eval_fraction"),
        *("fixed_binary_splits", "gpu_ram_part", "metadata", "per_object_feature_penalties"),
        *("pinned_memory_size", "sampling_unit", "sparse_features_conflict_fraction"),
    ),
    "fits write no files": (
        *("allow_writing_files", "train_dir", "save_snapshot", "snapshot_file", "logging_level"),
        *("verbose", "silent", "name", "metric_period", "snapshot_interval", "output_borders"),
    ),
}


def extra_params(problem: ProblemInfo) -> dict[str, Param]:
    """Parameters that can be set on this data, those that cannot, and aliases."""
    settable = dict(_SETTABLE)
    refused = {name: Param(refused=why) for why, names in _REFUSED.items() for name in names}
    monotone = {MONOTONE: numeric_columns("int", low=-1, high=1)}
    fixed = problem.settings.get("fixed") or {}
    why_not = _why_not_monotone(problem)
    groups: tuple[tuple[Mapping[str, Param], str], ...] = (
        (_OF_CATEGORIES, "" if problem.n_categorical else "the data has no categorical column"),
        (monotone, why_not),
    )
    for params, why in groups:
        settable |= {name: Param(refused=why) for name in params} if why else params
    if MONOTONE in fixed and not why_not:
        settable["grow_policy"] = Param(choices=policies(problem))
    aliases = {alias: Param(alias_of=name) for name, others in _ALIASES.items() for alias in others}
    return {**aliases, **refused, **settable}


def policies(problem: ProblemInfo) -> tuple[str, ...]:
    """Growing policies for this data; only symmetric trees support constraints."""
    return POLICIES[:1] if MONOTONE in (problem.settings.get("fixed") or {}) else POLICIES


def library_params(
    params: Params, features: Features, problem: ProblemInfo, n_rows: int
) -> dict[str, Any]:
    """Params for CatBoost: positions instead of column names, and the row sampling.

    Args:
        params: Params of the search space, with those fixed by the user.
        features: The encoded columns.
        problem: The problem.
        n_rows: Training rows.
    """
    found = {**params, "bootstrap_type": "Bernoulli"}
    if _drawn_too_few(n_rows, params["subsample"]) > RARE:
        found["bootstrap_type"] = "No"
        del found["subsample"]
    for name, default in _DEFAULTS.items():
        if name in params:
            found[name] = values_by_position(params[name], features, problem, default)
    return found


def _drawn_too_few(n_rows: int, share: float) -> float:
    """Probability that a tree samples fewer than two rows, which makes CatBoost fail."""
    left = 1 - share
    return float(left**n_rows + n_rows * share * left ** (n_rows - 1))


def _why_not_monotone(problem: ProblemInfo) -> str:
    if problem.task is Task.MULTICLASS:
        return "CatBoost cannot constrain several classes"
    if problem.task is Task.QUANTILE and len(problem.quantiles) > 1:
        return "CatBoost fits several quantiles together and ignores constraints there"
    return ""
