"""Composes the configuration of a search with the plugins that it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from automl.config.compose import compose_config, named_families, plugin_settings
from automl.config.provenance import ComposedConfig
from automl.errors import ConfigError
from automl.metrics import GivenMetric
from automl.registry import Registry, load_plugins_for, load_registry

__all__ = ["compose_with_plugins"]


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
    families, all_plugins = named_families(overrides, settings), None
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
