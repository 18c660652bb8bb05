"""Runs a command and watches the memory of all its processes."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Outcome", "run_watched"]

POLL_S = 0.25
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running a command gave.

    Attributes:
        status: Exit status.
        wall_s: From start to end.
        peak_gib: Highest memory of all its processes together, in GiB. Pages that processes share
            are counted once (proportional set size) where the system tells.
        error: Last lines of the standard error.
    """

    status: int
    wall_s: float
    peak_gib: float
    error: str


def run_watched(command: Sequence[str], log: Path, limit_s: float) -> Outcome:
    """Runs a command to its end, or kills it at a limit.

    Args:
        command: Program and arguments.
        log: File for what it prints.
        limit_s: Seconds after which it is killed.
    """
    import psutil

    started, peak = time.monotonic(), 0.0
    with log.open("w", encoding="utf-8") as file:
        process = psutil.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                tree = [process, *process.children(recursive=True)]
                peak = max(peak, sum(_memory(p) for p in tree) / GIB)
            if time.monotonic() - started > limit_s:
                process.kill()
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(POLL_S)
    wall_s = time.monotonic() - started
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
    return Outcome(process.returncode, wall_s, peak, tail)


def _memory(process: object) -> int:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.Error:  # gone in the meantime, or not ours to look at
        return 0
