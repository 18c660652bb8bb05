"""How much memory there is, and how much of it a process and what it has started hold.

Only what a process has to itself counts: its anonymous and shared memory, and no files that are
mapped, which the kernel can drop and which all workers share. Address space never counts:
libraries reserve far more of it than they use. All from files of Linux; elsewhere nothing is
known, and zero or None says so.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from automl.scheduling.devices.cgroups import cgroup_folders

__all__ = ["available_gib", "can_measure", "fair_gib", "oom_kills", "tree_gib"]

PROC = Path("/proc")
KIB_PER_GIB = 2**20
GIB = 2**30
NO_LIMIT = 1 << 60  # version 1 of cgroups has no word for it: a limit this high is none

OWN_FIELDS = ("RssAnon", "RssShmem")
FAIR_FIELDS = ("Pss_Anon", "Pss_Shmem")


def can_measure() -> bool:
    """Whether this system shows what a process holds."""
    return (PROC / "self" / "status").exists()


def available_gib() -> float | None:
    """Memory that can be taken now without harm, in GiB; None where nobody says.

    The least of what the machine has left and of what each cgroup above us has left. Files in the
    page cache count as free: the kernel gives them up first.
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
    """Bytes that a cgroup may still take.

    Raises:
        OSError: It is no cgroup with a limit.
        ValueError: It has none, or what it says is no number.
    """
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    limit, used = (int((folder / name).read_text()) for name in names[:2])
    if limit >= NO_LIMIT:
        raise ValueError("no limit")
    return limit - max(0, used - _fields(folder / "memory.stat").get(names[2], 0))


def oom_kills() -> int:
    """Processes near us that the kernel has killed for lack of memory since the machine started.

    Of our cgroup where it is counted there, else of the whole machine.
    """
    for folder, version in cgroup_folders("memory"):
        count = _fields(folder / ("memory.oom_control" if version == 1 else "memory.events"))
        if "oom_kill" in count:
            return count["oom_kill"]
    return _fields(PROC / "vmstat").get("oom_kill", 0)


def tree_gib(pid: int) -> float:
    """Memory of a process and all its descendants in GiB; 0 when it is gone.

    Cheap, a file for each process and thread. Pages that a child shares with its parent since it
    was forked count twice: see ``fair_gib``.
    """
    return sum(_own_gib(member) for member in _tree(pid))


def fair_gib(pid: int) -> float:
    """The same with shared pages divided among those who share them.

    The kernel walks all pages for that, milliseconds for each GiB: only for the verdict.
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
    """A process and its descendants. Each thread has a list of the children it has started."""
    members = [pid]
    for member in members:
        with contextlib.suppress(OSError):  # gone in the meantime, or a kernel without the lists
            for task in (PROC / str(member) / "task").iterdir():
                members += map(int, (task / "children").read_text().split())
    return members


def _fields(path: Path) -> dict[str, int]:
    """The numbers of a file with a name and a number a line; nothing when it cannot be read."""
    found = {}
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            name, *values = line.split()[:2] or [""]
            if values and values[0].isdigit():
                found[name.rstrip(":")] = int(values[0])
    return found
