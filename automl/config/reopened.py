"""Loads the plugins and the metric of an existing run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from automl.config.schema import SearchConfig
from automl.metrics import CATALOG, GivenMetric, given_again
from automl.registry import Registry, load_plugins_for, load_registry
from automl.store.files import read_json
from automl.store.run_dir import RunDir

__all__ = ["given_metric_of", "metric_setting", "registry_of"]


def metric_setting(run: RunDir, config: SearchConfig) -> str:
    """Returns the metric of a run as a setting: the configured one, or the default of its task."""
    return config.metric or str(read_json(run.manifest)["metric"]["name"])


def registry_of(
    run: RunDir,
    config: SearchConfig,
    metric: Any = None,
    families: Collection[str] | None = None,
) -> Registry:
    """Loads the plugins of a run.

    Args:
        run: The run directory.
        config: Its configuration.
        metric: The metric of the run, if it is a Python object; see ``given_again``.
        families: Families whose plugins are loaded; None for all plugins.

    Raises:
        ConfigError: The run has another metric.
    """
    modules, block = config.plugins.modules, config.plugins.block
    if families is None:
        registry = load_registry(modules, block)
    else:
        executor = config.scheduler.name
        registry = load_plugins_for(families, config.metric, modules, block, executor)
    given = None if metric is None else given_metric_of(run, config, metric)
    return replace(registry, given=given)


def given_metric_of(run: RunDir, config: SearchConfig, metric: Any) -> GivenMetric | None:
    """Returns the metric of a run that the caller gave again, if it is an object; else None.

    Args:
        run: The run directory.
        config: Its configuration.
        metric: What the caller gave; see ``given_again``.

    Raises:
        ConfigError: The run has another metric.
    """
    return given_again(metric, metric_setting(run, config), frozenset(CATALOG))
