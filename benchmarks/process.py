"""Runs a command on some cores and watches what all its processes take."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Outcome", "run_watched"]

POLL_S = 0.2
KILL_S = 30.0
GIB = 2**30
MARK = "AUTOML_BENCHMARK_MARK"
"""Environment variable by which the processes of a command are known, whoever their parent is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running a command gave.

    Attributes:
        status: Exit status.
        started_at: ``time.monotonic()`` just before it was started.
        wall_s: From start to end.
        timed_out: Whether it was killed at its limit.
        peak_gib: Highest resident memory of all its processes together, in GiB. Pages that
            processes share count once for each.
        others_cores: Cores that other processes of the machine were busy on meanwhile, on average.
        error: Last lines of what it printed.
    """

    status: int
    started_at: float
    wall_s: float
    timed_out: bool
    peak_gib: float
    others_cores: float
    error: str


def run_watched(
    command: Sequence[str],
    log: Path,
    limit_s: float,
    *,
    cores: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Runs a command to its end, or kills it at a limit. Nothing that it started is left behind.

    Args:
        command: Program and arguments.
        log: File for what it prints.
        limit_s: Seconds after which it is killed, with all its processes.
        cores: Numbers of the cores that it may run on; all when empty.
        env: Its environment; ours when None.
        folder: To run in; ours when None.
    """
    mark = uuid.uuid4().hex
    env = {**(os.environ if env is None else env), MARK: mark}
    usage, timed_out = _Usage(), False
    started_at, busy_s, waited_s = time.monotonic(), _busy_s(), _waited_s()
    with log.open("w", encoding="utf-8") as file, _affinity(cores):
        process = psutil.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env, cwd=folder
        )
    try:
        while process.poll() is None:
            usage.look(process)
            timed_out = time.monotonic() - started_at > limit_s
            if timed_out:
                break
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(POLL_S)
    finally:
        wall_s = time.monotonic() - started_at
        # Right after its start the system does not show its environment yet, and so not the mark.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
        left = _kill_marked(mark)
        process.wait()
        psutil.wait_procs([p for p in left if p.pid != process.pid], timeout=KILL_S)
    # what was waited for is known exactly; what was left behind only as it was last seen
    own_s = max(usage.cpu_s, _waited_s() - waited_s)
    return Outcome(
        process.returncode,
        started_at,
        wall_s,
        timed_out,
        usage.peak_bytes / GIB,
        max(0.0, _busy_s() - busy_s - own_s) / wall_s,
        "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]),
    )


class _Usage:
    """Memory and processor time of a process and all below it, as far as was seen."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._cpu_s: dict[int, float] = {}

    @property
    def cpu_s(self) -> float:
        """Seconds of all processes together."""
        return sum(self._cpu_s.values())

    def look(self, process: psutil.Process) -> None:
        """Takes a sample."""
        memory = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in [process, *process.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):  # gone in the meantime
                    memory += one.memory_info().rss
                    times = one.cpu_times()
                    self._cpu_s[one.pid] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, memory)


@contextlib.contextmanager
def _affinity(cores: Sequence[int]) -> Iterator[None]:
    """Keeps this thread, and so what it starts, on some cores for a while."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _busy_s() -> float:
    """Seconds that the processors of the machine were not idle."""
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - getattr(times, "iowait", 0.0))


def _waited_s() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _kill_marked(mark: str) -> list[psutil.Process]:
    """Kills all processes of a command; returns them."""
    killed = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # gone, or somebody else's
            if process.environ().get(MARK) == mark:
                process.kill()
                killed.append(process)
    return killed
