"""What a plugin brings to run fits somewhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["BUILT_IN_EXECUTORS", "ExecutorFactory"]

BUILT_IN_EXECUTORS = ("inline", "local")


@dataclass(frozen=True, slots=True)
class ExecutorFactory:
    """Makes the executor that ``scheduler=<name>`` chooses.

    Attributes:
        name: Lower-case letters, digits and ``_``.
        make: Called with ``scheduler.*`` of the configuration (a ``SchedulerConfig``); returns an
            ``automl.scheduling.executor.Executor``. It imports what it needs itself, so that a
            search on another executor does not load it.

    Example:
        >>> def make(scheduler):
        ...     from my_package.cluster import ClusterExecutor
        ...     return ClusterExecutor(scheduler.cpus)
        >>> ExecutorFactory("cluster", make).name
        'cluster'
    """

    name: str
    make: Callable[[Any], Any]
