"""What is known of the machine and of the state of the code, and that one series runs at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

__all__ = ["ROOT", "alone", "cores_for", "describe_machine", "git_version"]

ROOT = Path(__file__).parents[1]
"""The repository."""

LOCK = Path(tempfile.gettempdir()) / "automl-benchmarks.lock"


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Holds the lock of the machine: two series at once would take each other's time.

    Raises:
        SystemExit: Somebody else holds it; the process is named.
    """
    with LOCK.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SystemExit(
                f"process {file.read().strip()} runs a series on this machine ({LOCK}): wait for "
                "it or stop it; what it has done by then is kept"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def cores_for(n_cores: int) -> list[int]:
    """The first cores that this process may use.

    Raises:
        SystemExit: There are not so many.
    """
    usable = sorted(os.sched_getaffinity(0))
    if not 1 <= n_cores <= len(usable):
        raise SystemExit(f"--cores {n_cores}: this process may use {len(usable)} cores")
    return usable[:n_cores]


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory in GiB and system."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "ram_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
    }


def git_version(root: Path = ROOT) -> str:
    """The commit of a checkout, with ``+`` where files differ from it; "" outside of git."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
