"""Counts the CPU cores that this process may use."""

from __future__ import annotations

import contextlib
import os

from automl.scheduling.devices.cgroups import cgroup_folders

__all__ = ["available_cpus"]

NO_QUOTA = 1 << 20


def available_cpus() -> int:
    """Cores this process may use, by affinity and cgroup quota; at least 1."""
    with contextlib.suppress(AttributeError):
        return max(1, min(len(os.sched_getaffinity(0)), _quota()))
    return max(1, os.cpu_count() or 1)


def _quota() -> int:
    """Whole cores that the own cgroup and its ancestors allow; ``NO_QUOTA`` without a quota."""
    quotas = [NO_QUOTA]
    for folder, version in cgroup_folders("cpu"):
        with contextlib.suppress(OSError, ValueError):
            if version == 1:
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            else:
                quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max" and int(quota) > 0:
                quotas.append(max(1, int(quota) // int(period)))
    return min(quotas)
