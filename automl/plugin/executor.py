"""Declares an executor of a plugin, which runs fits elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["BUILT_IN_EXECUTORS", "ExecutorFactory"]

BUILT_IN_EXECUTORS = ("inline", "local")


@dataclass(frozen=True, slots=True)
class ExecutorFactory:
    """Factory of the executor that ``scheduler=<name>`` selects.

    Attributes:
        name: Lower-case letters, digits and ``_``.
        make: Called with ``scheduler.*`` of the configuration (a ``SchedulerConfig``); returns an
            ``automl.scheduling.executor.Executor``. Import its libraries inside, so that searches
            on another executor do not load them.

    Example:
        >>> def make(scheduler):
        ...     from my_package.cluster import ClusterExecutor
        ...     return ClusterExecutor(scheduler.cpus)
        >>> ExecutorFactory("cluster", make).name
        'cluster'
    """

    name: str
    make: Callable[[Any], Any]
