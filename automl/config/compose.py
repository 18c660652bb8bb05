"""From what a person asked for to the configuration of a search, with the origin of each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automl.config.fields import leaves
from automl.config.groups import CORE_PATH, find_groups
from automl.config.overrides import (
    Assignment,
    Keys,
    Overrides,
    choice,
    read_overrides,
    user_paths,
)
from automl.config.provenance import DEFAULT, Composed
from automl.config.schema import PluginsConfig
from automl.config.validate import problems_of
from automl.config.values import value_problem
from automl.errors import ConfigError
from automl.plugin import Param
from automl.redact import shown
from automl.registry import Registry

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["compose_config", "named_families", "plugin_settings"]

USER = "the user"
"""Stands for the distribution of config groups that ``hydra.searchpath`` leads to."""


def compose_config(
    overrides: Sequence[str],
    options: Mapping[str, object],
    registry: Registry,
    settings: Mapping[str, Any] | None = None,
) -> Composed:
    """Composes the configuration of a search.

    Later wins: schema and families' settings, groups, plugins' groups, preset, overrides,
    settings, options. May be called from several threads. With a trial budget and no time of
    its own the clock is off, so that the same trials come out on every machine.

    Args:
        overrides: ``key=value`` and ``group=option`` as typed.
        options: What flags or arguments give, by key; None means not given.
        registry: The installed families and config groups.
        settings: Further values by key, as Python objects.

    Raises:
        ConfigError: Something is unknown or does not fit; all that is wrong is in the text.
    """
    # loaded here: importing Hydra takes a third of a second
    from automl.config.assign import assign
    from automl.config.layers import compose_layers
    from automl.config.saved import config_of

    families = [entry.family for entry in registry.families.values()]
    paths = [*registry.config_search_paths, *((USER, path) for path in user_paths(overrides))]
    groups = find_groups([CORE_PATH, *(path for _, path in paths)])
    bare = registry.executors.keys() - set(groups["scheduler"])  # they bring no YAML file
    groups["scheduler"] = executors = tuple(sorted({*groups["scheduler"], *bare}))
    keys = Keys(leaves(families), groups, registry)
    found = read_overrides(overrides, keys)
    _read_values(settings or {}, "setting", keys, found)
    given = {key: value for key, value in options.items() if value is not None}
    _read_values(given, "option", keys, found)
    if (name := found.choices.get("scheduler")) in bare:
        del found.choices["scheduler"]
        origin = f"scheduler={name}"
        found.assignments.append(Assignment("scheduler.name", name, origin, literal=True))
    # what was understood is composed even where something was not: all problems come at once
    composed, provenance = compose_layers(found.choices, paths, keys)
    for assignment in found.assignments:
        found.problems.extend(assign(composed, assignment, keys, provenance))
    _stop_the_clock(composed, provenance)
    if composed.data_path is not None:
        composed.data_path = shown(str(composed.data_path))  # a password must not be stored
    config = config_of(composed)
    executor = value_problem("scheduler.name", config.scheduler.name, Param(choices=executors))
    problems = [*found.problems, *problems_of(config, families), *filter(None, [executor])]
    if executor or any(problem.startswith("scheduler=") for problem in problems):
        problems += map(str, registry.broken)  # one of them may have brought that executor
    _fail(problems)
    return Composed(config, provenance)


def plugin_settings(
    overrides: Sequence[str], settings: Mapping[str, Any] | None = None
) -> PluginsConfig:
    """Reads ``plugins.*`` alone: it must be known before the registry that composing needs.

    Raises:
        ConfigError: A key below ``plugins`` is unknown or its value is no list of names.
    """
    found = _read_alone("plugins.", overrides, settings)
    _fail(found.problems)
    values = {a.key.removeprefix("plugins."): [str(v) for v in a.value] for a in found.assignments}
    return PluginsConfig(**values)


def named_families(
    overrides: Sequence[str], settings: Mapping[str, Any] | None = None
) -> list[str] | None:
    """Reads ``family`` alone, for the plugins to load; None where it is not given or no list."""
    found = _read_alone("family", overrides, settings)
    values = [a.value for a in found.assignments if a.key == "family"]
    is_list = values and isinstance(values[-1], list) and not found.problems
    return [str(name) for name in values[-1]] if is_list else None


def _read_alone(
    start: str, overrides: Sequence[str], settings: Mapping[str, Any] | None
) -> Overrides:
    """Reads the keys that start with some text, and no others."""
    keys = Keys({k: v for k, v in leaves(()).items() if k.startswith(start)}, {}, Registry())
    found = read_overrides([text for text in overrides if text.startswith(start)], keys)
    own = {k: v for k, v in (settings or {}).items() if k.startswith(start)}
    _read_values(own, "setting", keys, found)
    return found


def _fail(problems: Sequence[str]) -> None:
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))


def _read_values(values: Mapping[str, Any], kind: str, keys: Keys, found: Overrides) -> None:
    """Reads Python values by key as if they had been typed, without any grammar."""
    for key, value in values.items():
        try:
            if key in keys.groups and isinstance(value, str):
                found.choices[key] = choice(key, value, keys.groups[key])
            elif problem := keys.check(key):
                found.problems.append(problem)
            else:
                found.assignments.append(_assignment(key, value, kind, keys))
        except ConfigError as error:
            found.problems.append(str(error))


def _assignment(key: str, value: Any, kind: str, keys: Keys) -> Assignment:
    origin = f"{kind} {key}"
    leaf = keys.leaves.get(key)
    if leaf is not None:
        value = leaf.parsed(value)
        value = [value] if leaf.is_list and isinstance(value, str) else value
    above = None if leaf else keys.mapping_above(key)
    if above is not None:
        key, value = above, {key.removeprefix(f"{above}."): value}
    return Assignment(key, value, origin, literal=True)


def _stop_the_clock(composed: DictConfig, provenance: dict[str, str]) -> None:
    given = provenance["trials"] != DEFAULT and composed.trials is not None
    if given and provenance["time_s"] == DEFAULT:
        composed.time_s = None
        provenance["time_s"] = "no clock: trials is given"
