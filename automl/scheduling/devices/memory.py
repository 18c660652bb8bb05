"""Measures the available memory, and the memory of a process with its descendants.

Only a process's own memory counts, anonymous and shared; not mapped files, which the kernel can
drop and which all workers share, nor address space, of which libraries reserve far more than they
use. All figures are from files of Linux; elsewhere they are unknown, which is returned as zero or
None.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from automl.scheduling.devices.cgroups import cgroup_folders

__all__ = ["available_gib", "can_measure", "oom_kills", "process_tree_gib", "proportional_gib"]

PROC = Path("/proc")
KIB_PER_GIB = 2**20
GIB = 2**30
NO_LIMIT = 1 << 60  # cgroups of version 1 write a number this high for no limit

OWN_FIELDS = ("RssAnon", "RssShmem")
FAIR_FIELDS = ("Pss_Anon", "Pss_Shmem")


def can_measure() -> bool:
    """Whether this system reports the memory of a process."""
    return (PROC / "self" / "status").exists()


def available_gib() -> float | None:
    """Memory that can be used now without harm, in GiB; None if unknown.

    The minimum of the machine's free memory and that of the own cgroup and its ancestors. Files in
    the page cache count as free: the kernel drops them first.
    """
    left = _fields(PROC / "meminfo").get("MemAvailable")
    if left is None:
        return None
    limits = [left / KIB_PER_GIB]
    for folder, version in cgroup_folders("memory"):
        with contextlib.suppress(OSError, ValueError):
            limits.append(_left_in(folder, version) / GIB)
    return max(0.0, min(limits))


def _left_in(folder: Path, version: int) -> int:
    """Bytes that a cgroup may still use.

    Raises:
        OSError: The folder is not a cgroup with a limit.
        ValueError: It has no limit, or a file does not contain a number.
    """
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    limit, used = (int((folder / name).read_text()) for name in names[:2])
    if limit >= NO_LIMIT:
        raise ValueError("no limit")
    return limit - max(0, used - _fields(folder / "memory.stat").get(names[2], 0))


def oom_kills() -> int:
    """Processes that the kernel has killed for lack of memory since the machine started.

    Counted in the own cgroup if possible, else on the whole machine.
    """
    for folder, version in cgroup_folders("memory"):
        count = _fields(folder / ("memory.oom_control" if version == 1 else "memory.events"))
        if "oom_kill" in count:
            return count["oom_kill"]
    return _fields(PROC / "vmstat").get("oom_kill", 0)


def process_tree_gib(pid: int) -> float:
    """Memory of a process and all its descendants in GiB; 0 if it has ended.

    Cheap: one file per process and thread. Pages that a child still shares with its parent count
    twice: see ``proportional_gib``.
    """
    return sum(_own_gib(member) for member in _tree(pid))


def proportional_gib(pid: int) -> float:
    """The same with shared pages divided among the processes that share them.

    The kernel visits all pages for that, milliseconds per GiB, so use it only to confirm an excess.
    """
    return sum(_fair_gib(member) for member in _tree(pid))


def _own_gib(pid: int) -> float:
    fields = _fields(PROC / str(pid) / "status")
    if OWN_FIELDS[0] not in fields:
        return fields.get("VmRSS", 0) / KIB_PER_GIB
    return sum(fields.get(name, 0) for name in OWN_FIELDS) / KIB_PER_GIB


def _fair_gib(pid: int) -> float:
    fields = _fields(PROC / str(pid) / "smaps_rollup")
    if FAIR_FIELDS[0] not in fields:  # an older kernel
        return _own_gib(pid)
    return sum(fields.get(name, 0) for name in FAIR_FIELDS) / KIB_PER_GIB


def _tree(pid: int) -> list[int]:
    """A process and its descendants; each thread has a list of the children it has started."""
    members = [pid]
    for member in members:
        with contextlib.suppress(OSError):  # it has ended, or the kernel has no such lists
            for task in (PROC / str(member) / "task").iterdir():
                members += map(int, (task / "children").read_text().split())
    return members


def _fields(path: Path) -> dict[str, int]:
    """The numbers in a file with a name and a number per line; empty if it cannot be read."""
    found = {}
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            name, *values = line.split()[:2] or [""]
            if values and values[0].isdigit():
                found[name.rstrip(":")] = int(values[0])
    return found
