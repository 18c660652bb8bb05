"""What this machine has for a run: cores, memory and GPUs, as its settings allow."""

from __future__ import annotations

import math

from automl.config.schema import SchedulerConfig
from automl.scheduling.devices.cpus import available_cpus
from automl.scheduling.devices.memory import available_gib
from automl.scheduling.devices.nvml import find_gpus
from automl.scheduling.devices.pool import DevicePool

__all__ = ["make_pool"]

MEMORY_SHARE = 0.8
"""Of the available memory, for all fits; the rest is for this process and for others."""


def make_pool(scheduler: SchedulerConfig) -> DevicePool:
    """What a run may use, by its settings and by what the machine has.

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
    )
