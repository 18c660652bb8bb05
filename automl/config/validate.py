"""What the types cannot say: ranges, names and settings that contradict each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from automl.config.durations import parse_span
from automl.config.schema import DECIMALS, OBJECTIVES, SearchConfig
from automl.config.values import value_problem
from automl.errors import ConfigError, did_you_mean
from automl.plugin import ColumnKind, ConfigurableFamily, ModelFamily, Param, Task

__all__ = ["problems_of"]


def problems_of(
    config: SearchConfig, groups: Mapping[str, Sequence[str]], families: Iterable[ModelFamily] = ()
) -> list[str]:
    """All that is wrong with a configuration, one text each.

    Args:
        config: Values of the right types.
        groups: Options by config group: the names of samplers and pruners.
        families: Those whose settings the configuration holds.
    """
    return [
        *_names(config, groups),
        *_ranges(config),
        *_contradictions(config),
        *_spans(config),
        *_objectives(config),
        *(problem for family in families for problem in _settings(config, family)),
    ]


def _names(config: SearchConfig, groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    kinds = [str(kind) for kind in ColumnKind]
    checks: list[tuple[str, str | None, Sequence[str]]] = [
        ("task", config.task, [str(t) for t in Task]),
        ("sampler.name", config.sampler.name, groups["sampler"]),
        ("pruner.name", config.pruner.name, groups["pruner"]),
        ("scheduler.name", config.scheduler.name, groups["scheduler"]),
        ("data.decimal", config.data.decimal, tuple(DECIMALS)),
        ("search.keep_models", config.search.keep_models, ("all", "members")),
        *(("search.objectives", name, OBJECTIVES) for name in config.search.objectives),
        ("search.prune_on", config.search.prune_on, OBJECTIVES),
        *((f"data.kinds of {c!r}", kind, kinds) for c, kind in config.data.kinds.items()),
    ]
    for key, value, choices in checks:
        if value is not None and value not in choices:
            near = did_you_mean(value, choices)
            yield f"{key}={value}: no such name{near} (choices: {', '.join(choices)})"


def _ranges(config: SearchConfig) -> Iterator[str]:
    search, scheduler = config.search, config.scheduler
    at_least: list[tuple[str, float | None, int]] = [
        ("trials", config.trials, 1),
        ("seed", config.seed, 0),
        ("data.image_side", config.data.image_side, 8),
        ("search.folds", search.folds, 1),
        ("search.repeats", search.repeats, 1),
        ("search.max_trials_per_family", search.max_trials_per_family, 1),
        ("sampler.startup_trials", config.sampler.startup_trials, 0),
        ("pruner.startup_trials", config.pruner.startup_trials, 0),
        ("pruner.warmup_steps", config.pruner.warmup_steps, 0),
        ("scheduler.cpus", scheduler.cpus, 1),
        *(("scheduler.gpus", gpu, 0) for gpu in scheduler.gpus or ()),
        ("scheduler.gpu_slots", scheduler.gpu_slots, 1),
        ("scheduler.threads_per_fit", scheduler.threads_per_fit, 1),
        ("ensemble.steps", config.ensemble.steps, 1),
        ("ensemble.max_members", config.ensemble.max_members, 1),
        *((f"model.{f}.max_trials", v["max_trials"], 0) for f, v in config.model.items()),
    ]
    for key, value, low in at_least:
        if value is not None and value < low:
            yield f"{key}={value}: must be at least {low}"
    positive = [
        ("time_s", config.time_s),
        ("scheduler.fit_timeout_s", scheduler.fit_timeout_s),
        ("scheduler.memory_gib", scheduler.memory_gib),
        ("scheduler.fit_memory_gib", scheduler.fit_memory_gib),
        ("limits.predict_ms", config.limits.predict_ms),
        ("limits.size_mb", config.limits.size_mb),
    ]
    for key, amount in positive:
        if amount is not None and not 0 < amount < math.inf:
            yield f"{key}={amount}: must be above 0"
    shares = [("search.holdout_share", search.holdout_share)]
    shares += [("search.reserve_share", search.reserve_share)]
    shares += [("quantiles", level) for level in config.quantiles or ()]
    for key, share in shares:
        if share is not None and not 0 < share < 1:
            yield f"{key}={share}: must lie between 0 and 1"
    levels = config.quantiles
    if levels is not None and (not levels or len(set(levels)) < len(levels)):
        yield f"quantiles={levels}: give one level or more, none of them twice"


def _contradictions(config: SearchConfig) -> Iterator[str]:
    if config.quantiles is not None and config.task not in (None, Task.QUANTILE):
        yield f"task={config.task} predicts no quantiles: leave out quantiles, or set task=quantile"
    if config.time_s is None and config.trials is None:
        yield "there is no budget: give a time (--time 10m) or a number of trials (--trials 100)"
    if config.seed >= 2**32:
        yield f"seed={config.seed}: must be below 2**32"
    splits = {"group": config.group, "folds_column": config.folds_column}
    given = [name for name, column in splits.items() if column is not None]
    if len(given) > 1 or (config.folds_column is not None and config.time_column is not None):
        given += ["time_column"] if config.time_column is not None else []
        yield f"{' and '.join(given)} contradict each other: given folds are taken as they are"
    roles = ("target", "group", "time_column", "folds_column", "weight", "series_id", "step")
    for i, one in enumerate(roles):
        for other in roles[i + 1 :]:
            name = getattr(config, one)
            if name is not None and name == getattr(config, other):
                yield f"{one} and {other} both name the column {name!r}"


def _spans(config: SearchConfig) -> Iterator[str]:
    """What is wrong with stretches of time."""
    for key, span in (("search.gap", config.search.gap), ("search.window", config.search.window)):
        if span is None:
            continue
        if config.time_column is None:
            yield f"{key}={span}: needs rows in order of time: name their column by --time-column"
        try:
            parse_span(span)
        except ConfigError as error:
            yield f"{key}: {error}"


def _objectives(config: SearchConfig) -> Iterator[str]:
    """What is wrong with the objectives beside their names."""
    names, prune_on = config.search.objectives, config.search.prune_on
    listed = f"search.objectives=[{', '.join(names)}]"
    if names[:1] != ["score"]:
        yield f"{listed}: score must be the first of them"
    if len(set(names)) < len(names):
        yield f"{listed}: one stands there twice"
    if prune_on in OBJECTIVES and prune_on not in names:
        yield f"search.prune_on={prune_on}: it must be one of the objectives ({', '.join(names)})"
    if len(names) > 1 and prune_on is None and config.pruner.name != "none":
        yield (
            f"several objectives need one declared `prune_on`: add search.prune_on={names[0]} "
            f"(choices: {', '.join(names)}), or pruner=none to prune nothing"
        )
    if len(names) > 1 and config.sampler.name == "cmaes":
        yield f"sampler.name=cmaes knows one objective, and there are {len(names)}: take tpe"


def _settings(config: SearchConfig, family: ModelFamily) -> Iterator[str]:
    """Settings of a family that are out of range."""
    given = config.model.get(family.name, {})
    if not isinstance(family, ConfigurableFamily):
        return
    for name in family.settings:
        if name in given:
            param = family.setting_ranges.get(name, Param())
            yield from _setting_problems(f"model.{family.name}.{name}", given[name], param)


def _setting_problems(key: str, value: Any, param: Param) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _setting_problems(key, item, param)
        return
    if param == Param():  # the type of the default is all there is to check
        if not isinstance(value, float):
            return
        param = Param("float")
    problem = value_problem(key, value, param)
    if problem is not None:
        yield problem
