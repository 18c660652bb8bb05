"""Validates values beyond their types: ranges, choices and contradictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import combinations
from typing import Any

from automl.config.fields import ConfigKey, config_keys, value_of
from automl.config.schema import OBJECTIVES, SearchConfig
from automl.config.values import python_value, value_problem
from automl.errors import ConfigError
from automl.plugin import ConfigurableFamily, ModelFamily, Param, Task
from automl.surface import named

__all__ = ["find_problems", "with_values"]


def find_problems(config: SearchConfig, families: Iterable[ModelFamily] = ()) -> list[str]:
    """Returns a message for each problem of a configuration.

    Args:
        config: Values of the right types.
        families: Families whose settings are checked.
    """
    found = [p for leaf in config_keys(()).values() for p in _value_problems(config, leaf)]
    found += [*_contradictions(config), *_objectives(config)]
    found += [p for family in families for p in _settings(config, family)]
    return [problem for problem in found if problem]


def with_values(config: SearchConfig, values: Mapping[str, Any]) -> SearchConfig:
    """Returns a copy of a configuration with other values, without the slow import of Hydra.

    Args:
        config: The configuration; it is not changed.
        values: Python values by key; None keeps the old value.

    Raises:
        ConfigError: A value is invalid.
    """
    new, problems = deepcopy(config), list[str]()
    given = [config_keys(())[key] for key, value in values.items() if value is not None]
    for leaf in given:
        branch, _, name = leaf.key.rpartition(".")
        value = python_value(leaf.parsed(values[leaf.key]))
        setattr(value_of(new, branch) if branch else new, name, value)
        problems += filter(None, _value_problems(new, leaf))
    if problems:
        raise ConfigError("\n".join(problems))
    return new


def _value_problems(config: SearchConfig, leaf: ConfigKey) -> Iterator[str | None]:
    value, param = value_of(config, leaf.key), leaf.param
    if param is not None and value is not None:
        yield from (value_problem(key, item, param) for key, item in _each(leaf.key, value))


def _each(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yields a value with its key, or each value of a list or mapping."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _each(f"{key}.{name}", item)
    elif isinstance(value, list):
        for item in value:
            yield from _each(key, item)
    else:
        yield key, value


def _contradictions(config: SearchConfig) -> Iterator[str]:
    levels = config.quantiles
    if levels is not None and (not levels or len(set(levels)) < len(levels)):
        yield f"{named('quantiles', levels)}: give one or more distinct levels"
    if levels is not None and config.task not in (None, Task.QUANTILE):
        yield (
            f"{named('task', config.task)} does not predict quantiles: omit {named('quantiles')}, "
            f"or set {named('task', 'quantile')}"
        )
    if config.time_s is None and config.trials is None:
        yield f"there is no budget: give {named('time_s', 600)} or {named('trials', 100)}"
    others = [key for key in ("group", "time_column") if value_of(config, key) is not None]
    if config.folds_column is not None and others:
        given = " and ".join(map(named, (*others, "folds_column")))
        yield f"{given} contradict each other: a folds column determines the split alone"
    for key in ("search.gap", "search.window"):
        span = value_of(config, key)
        if span is not None and config.time_column is None:
            yield (
                f"{named(key, span)}: needs rows in order of time: name the time column with "
                f"{named('time_column')}"
            )
    roles = ("target", "group", "time_column", "folds_column", "weight", "series_id", "step")
    for one, other in combinations(roles, 2):
        name = getattr(config, one)
        if name is not None and name == getattr(config, other):
            yield f"{named(one)} and {named(other)} both name the column {name!r}"


def _objectives(config: SearchConfig) -> Iterator[str]:
    """Yields problems of the objectives other than unknown names."""
    names, prune_on = config.search.objectives, config.search.prune_on
    listed = f"search.objectives=[{', '.join(names)}]"
    if names[:1] != ["score"]:
        yield f"{listed}: score must come first"
    if len(set(names)) < len(names):
        yield f"{listed}: one is repeated"
    if prune_on in OBJECTIVES and prune_on not in names:
        yield f"search.prune_on={prune_on}: must be one of the objectives ({', '.join(names)})"
    if len(names) > 1 and prune_on is None and config.pruner.name != "none":
        yield (
            f"several objectives need one declared `prune_on`: add search.prune_on={names[0]} "
            f"(choices: {', '.join(names)}), or pruner=none to disable pruning"
        )
    if len(names) > 1 and config.sampler.name == "cmaes":
        yield f"sampler.name=cmaes supports one objective, not {len(names)}: use tpe"


def _settings(config: SearchConfig, family: ModelFamily) -> Iterator[str | None]:
    """Yields problems of a family's settings."""
    given = config.model.get(family.name, {})
    ranges, names = {"max_trials": Param("int", low=0, optional=True)}, ["max_trials"]
    if isinstance(family, ConfigurableFamily):
        ranges, names = {**ranges, **family.setting_ranges}, [*family.settings, *names]
    for name in names:
        for key, item in _each(f"model.{family.name}.{name}", given.get(name, ())):
            if name in ranges:
                yield value_problem(key, item, ranges[name])
            elif isinstance(item, float):  # others are checked by type alone
                yield value_problem(key, item, Param("float"))
