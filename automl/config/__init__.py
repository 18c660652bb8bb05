"""Typed configuration of a search, composed from groups, presets, plugins and overrides.

Importing the package is cheap: each name is loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automl.config.compose import compose_config, plugin_settings
    from automl.config.durations import parse_duration, parse_span
    from automl.config.provenance import render_config
    from automl.config.saved import load_config, save_config
    from automl.config.schema import SearchConfig
    from automl.config.with_plugins import compose_with_plugins

_HOMES = {
    "SearchConfig": "schema",
    "compose_config": "compose",
    "compose_with_plugins": "with_plugins",
    "load_config": "saved",
    "parse_span": "durations",
    "parse_duration": "durations",
    "plugin_settings": "compose",
    "render_config": "provenance",
    "save_config": "saved",
}

__all__ = [
    "SearchConfig",
    "compose_config",
    "compose_with_plugins",
    "load_config",
    "parse_duration",
    "parse_span",
    "plugin_settings",
    "render_config",
    "save_config",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'automl.config' has no attribute {name!r}")
    return getattr(import_module(f"automl.config.{_HOMES[name]}"), name)
