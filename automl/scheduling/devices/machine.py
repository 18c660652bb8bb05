"""Determines the cores, memory and GPUs of this machine that a run may use."""

from __future__ import annotations

import math
import platform
from dataclasses import replace

from automl.config.schema import SchedulerConfig
from automl.scheduling.devices.capacity import Capacity
from automl.scheduling.devices.cpus import available_cpus
from automl.scheduling.devices.memory import available_gib, can_measure
from automl.scheduling.devices.nvml import find_gpus
from automl.scheduling.devices.pool import DevicePool

__all__ = ["capacity_of", "make_pool"]

MEMORY_SHARE = 0.8
"""Share of the available memory for all fits; the rest is for this process and for others."""


def make_pool(scheduler: SchedulerConfig) -> DevicePool:
    """The devices of a run, from its settings and from the machine.

    Args:
        scheduler: ``scheduler.*`` of the configuration.
    """
    memory_gib = scheduler.memory_gib
    if memory_gib is None:
        available = available_gib()
        memory_gib = math.inf if available is None else MEMORY_SHARE * available
    return DevicePool(
        scheduler.cpus or available_cpus(),
        find_gpus(scheduler.gpus),
        scheduler.gpu_slots,
        memory_gib,
        scheduler.fit_memory_gib,
        platform.node(),
    )


def capacity_of(pool: DevicePool) -> Capacity:
    """The capacity of this machine, with notes on missing cores and memory that cannot be measured.

    Args:
        pool: Its devices.
    """
    notes, node, n_there = [], pool.node, available_cpus()
    if node.n_cpus > n_there:
        notes.append(
            f"scheduler.cpus={node.n_cpus}: this process may use {n_there} core"
            f"{'s' * (n_there != 1)}, which fits will have to share"
        )
    if not can_measure():
        node = replace(node, memory_gib=math.inf, fit_memory_gib=None)
        notes.append("the memory of fits is not limited: this system does not report it")
    return Capacity((node,), tuple(notes))
