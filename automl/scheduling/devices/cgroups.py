"""Finds the folders of this process's cgroup, with the kernel's limits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cgroup_folders"]

OWN_CGROUPS = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


def cgroup_folders(controller: str) -> Iterator[tuple[Path, int]]:
    """Folders of the own cgroup and its ancestors, nearest first, each with its version (1 or 2).

    In a container the path named by the kernel may not exist; the mounted root is the own cgroup
    then.

    Args:
        controller: Such as ``cpu`` or ``memory``: version 1 has a hierarchy for each.
    """
    groups = []
    with contextlib.suppress(OSError):
        groups = OWN_CGROUPS.read_text().splitlines()
    for group in [*groups, f":{controller}:/", "::/"]:
        _, controllers, path = group.split(":", 2)
        if not controllers or controller in controllers.split(","):
            root = ROOT / controller if controllers else ROOT
            folder = root / path.lstrip("/")
            for above in (folder, *folder.parents):
                if above.is_relative_to(root):
                    yield above, 1 if controllers else 2
