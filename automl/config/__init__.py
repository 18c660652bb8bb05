"""The typed schema of a search, and how groups, presets, plugins and overrides compose it."""

from automl.config.compose import compose_config, plugin_settings
from automl.config.durations import parse_span, parse_time
from automl.config.provenance import Composed, render_config
from automl.config.saved import load_config, save_config
from automl.config.schema import (
    DataConfig,
    EnsembleConfig,
    PluginsConfig,
    PrunerConfig,
    SamplerConfig,
    SchedulerConfig,
    SearchConfig,
    SearchOptions,
)
from automl.config.with_plugins import compose_with_plugins

__all__ = [
    "Composed",
    "DataConfig",
    "EnsembleConfig",
    "PluginsConfig",
    "PrunerConfig",
    "SamplerConfig",
    "SchedulerConfig",
    "SearchConfig",
    "SearchOptions",
    "compose_config",
    "compose_with_plugins",
    "load_config",
    "parse_span",
    "parse_time",
    "plugin_settings",
    "render_config",
    "save_config",
]
