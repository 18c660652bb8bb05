"""Composes the configuration of a search and records the origin of each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl.config.fields import config_keys
from automl.config.groups import CORE_PATH, find_groups
from automl.config.overrides import (
    Assignment,
    KnownKeys,
    Overrides,
    group_choice,
    read_overrides,
    user_paths,
)
from automl.config.provenance import DEFAULT, ComposedConfig
from automl.config.schema import PluginsConfig
from automl.config.validate import find_problems
from automl.config.values import value_problem
from automl.errors import ConfigError
from automl.metrics import GivenMetric
from automl.plugin import Param
from automl.redact import shown
from automl.registry import Registry, load_plugins_for, load_registry

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["compose_config", "compose_with_plugins", "plugin_settings"]

USER = "the user"
"""Shown as the distribution of config groups from ``hydra.searchpath``."""


def compose_config(
    overrides: Sequence[str],
    options: Mapping[str, object],
    registry: Registry,
    settings: Mapping[str, Any] | None = None,
) -> ComposedConfig:
    """Composes the configuration of a search.

    Later layers win: schema and family settings, groups, plugins' groups, preset, overrides,
    settings, options. Thread-safe. With a trial budget and no explicit time budget there is no
    time limit, so that every machine runs the same trials.

    Args:
        overrides: ``key=value`` and ``group=option`` strings.
        options: Values of flags or arguments by key; None for those not given.
        registry: Installed families and config groups.
        settings: Other values by key, as Python objects.

    Raises:
        ConfigError: A key is unknown or a value is invalid; the message lists all problems.
    """
    # loaded here: importing Hydra takes a third of a second
    from automl.config.assign import set_value
    from automl.config.layers import compose_layers
    from automl.config.saved import config_of

    families = [entry.family for entry in registry.families.values()]
    paths = [*registry.config_search_paths, *((USER, path) for path in user_paths(overrides))]
    groups = find_groups([CORE_PATH, *(path for _, path in paths)])
    bare = registry.executors.keys() - set(groups["scheduler"])  # they bring no YAML file
    groups["scheduler"] = executors = tuple(sorted({*groups["scheduler"], *bare}))
    keys = KnownKeys(config_keys(families), groups, registry)
    found = read_overrides(overrides, keys)
    _read_values(settings or {}, "setting", keys, found)
    given = {key: value for key, value in options.items() if value is not None}
    _read_values(given, "option", keys, found)
    if (name := found.choices.get("scheduler")) in bare:
        del found.choices["scheduler"]
        origin = f"scheduler={name}"
        found.assignments.append(Assignment("scheduler.name", name, origin, literal=True))
    # composed despite problems, so that all problems are reported together
    composed, provenance = compose_layers(found.choices, paths, keys)
    for assignment in found.assignments:
        found.problems.extend(set_value(composed, assignment, keys, provenance))
    _stop_the_clock(composed, provenance)
    if composed.data_path is not None:
        composed.data_path = shown(str(composed.data_path))  # a password must not be stored
    config = config_of(composed)
    executor = value_problem("scheduler.name", config.scheduler.name, Param(choices=executors))
    problems = [*found.problems, *find_problems(config, families), *filter(None, [executor])]
    if executor or any(problem.startswith("scheduler=") for problem in problems):
        problems += map(str, registry.broken)  # one of them may define that executor
    _fail(problems)
    return ComposedConfig(config, provenance)


def compose_with_plugins(
    overrides: Sequence[str],
    options: Mapping[str, object],
    settings: Mapping[str, Any] | None = None,
    given: GivenMetric | None = None,
) -> tuple[ComposedConfig, Registry]:
    """Composes the configuration of a search and loads the plugins that it uses.

    If families are named, only their plugins and that of the metric are loaded. Config groups
    that fail to compose are skipped; ``Registry.remarks`` names their distribution.

    Args:
        overrides: As for ``compose_config``.
        options: As for ``compose_config``.
        settings: As for ``compose_config``.
        given: The metric that the caller gave as an object.

    Raises:
        ConfigError: A key is unknown or a value is invalid; the message lists all problems.
    """
    plugins = plugin_settings(overrides, settings)
    families, all_plugins = _named_families(overrides, settings), None
    if families is None:
        registry = all_plugins = load_registry(plugins.modules, plugins.block)
    else:
        metric = options.get("metric")
        name = metric if isinstance(metric, str) else None
        registry = load_plugins_for(families, name, plugins.modules, plugins.block)
    try:
        registry = replace(registry, given=given)
        composed = compose_config(overrides, options, registry, settings)
        if all_plugins is not None or registry.has_metric(composed.config.metric):
            return composed, registry
    except ConfigError:
        pass  # the key may be of a plugin that is not loaded, or a plugin's groups are invalid
    registry = _without_misfits(all_plugins or load_registry(plugins.modules, plugins.block))
    registry = replace(registry, given=given)
    try:
        return compose_config(overrides, options, registry, settings), registry
    except ConfigError as error:
        raise ConfigError("\n".join([str(error), *registry.remarks])) from None


def plugin_settings(
    overrides: Sequence[str], settings: Mapping[str, Any] | None = None
) -> PluginsConfig:
    """Reads only ``plugins.*``, which is needed to build the registry for ``compose_config``.

    Raises:
        ConfigError: A key below ``plugins`` is unknown or its value is not a list of names.
    """
    found = _read_alone("plugins.", overrides, settings)
    _fail(found.problems)
    values = {a.key.removeprefix("plugins."): [str(v) for v in a.value] for a in found.assignments}
    return PluginsConfig(**values)


def _named_families(
    overrides: Sequence[str], settings: Mapping[str, Any] | None = None
) -> list[str] | None:
    """Reads only ``family``, to choose the plugins to load; None if it is not a list."""
    found = _read_alone("family", overrides, settings)
    values = [a.value for a in found.assignments if a.key == "family"]
    is_list = values and isinstance(values[-1], list) and not found.problems
    return [str(name) for name in values[-1]] if is_list else None


def _without_misfits(registry: Registry) -> Registry:
    """Drops config groups that do not compose, one distribution after another."""
    kept = replace(registry, config_search_paths=())
    for distribution, path in registry.config_search_paths:
        more = replace(kept, config_search_paths=(*kept.config_search_paths, (distribution, path)))
        try:
            compose_config((), {}, more)
        except ConfigError as error:
            remark = f"the config groups of {distribution} ({path}) are skipped: {error}"
            kept = replace(kept, remarks=(*kept.remarks, remark))
        else:
            kept = more
    return kept


def _read_alone(
    start: str, overrides: Sequence[str], settings: Mapping[str, Any] | None
) -> Overrides:
    """Reads only the keys that start with ``start``."""
    keys = KnownKeys(
        {k: v for k, v in config_keys(()).items() if k.startswith(start)}, {}, Registry()
    )
    found = read_overrides([text for text in overrides if text.startswith(start)], keys)
    own = {k: v for k, v in (settings or {}).items() if k.startswith(start)}
    _read_values(own, "setting", keys, found)
    return found


def _fail(problems: Sequence[str]) -> None:
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))


def _read_values(values: Mapping[str, Any], kind: str, keys: KnownKeys, found: Overrides) -> None:
    """Reads Python values by key like overrides, but without parsing strings."""
    for key, value in values.items():
        try:
            if key in keys.groups and isinstance(value, str):
                found.choices[key] = group_choice(key, value, keys.groups[key])
            elif problem := keys.check(key):
                found.problems.append(problem)
            else:
                leaf = keys.config_keys.get(key)
                value = value if leaf is None else leaf.parsed(value)
                value = [value] if leaf and leaf.is_list and isinstance(value, str) else value
                found.assignments.append(Assignment(key, value, f"{kind} {key}", literal=True))
        except ConfigError as error:
            found.problems.append(str(error))


def _stop_the_clock(composed: DictConfig, provenance: dict[str, str]) -> None:
    given = provenance["trials"] != DEFAULT and composed.trials is not None
    if given and provenance["time_s"] == DEFAULT:
        composed.time_s = None
        provenance["time_s"] = "no time limit: trials is given"
