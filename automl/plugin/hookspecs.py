"""Hooks that a plugin may implement. Plugins are found by the entry-point group ``automl``."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from automl.plugin.executor import ExecutorFactory
from automl.plugin.family import ModelFamily
from automl.plugin.metric import Metric

__all__ = ["ENTRY_POINT_GROUP", "PROJECT_NAME", "hookimpl"]

PROJECT_NAME = "automl"
ENTRY_POINT_GROUP = "automl"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


@hookspec
def automl_model_families() -> Sequence[ModelFamily]:  # type: ignore[empty-body]
    """Returns the families of this plugin."""


@hookspec
def automl_metrics() -> Sequence[Metric]:  # type: ignore[empty-body]
    """Returns the metrics that this plugin adds to the catalog."""


@hookspec
def automl_executors() -> Sequence[ExecutorFactory]:  # type: ignore[empty-body]
    """Returns the executors of this plugin, each selected by ``scheduler=<name>``."""


@hookspec
def automl_config_search_path() -> str:  # type: ignore[empty-body]
    """Returns the location of this plugin's Hydra groups, such as ``pkg://my_package.conf``."""
