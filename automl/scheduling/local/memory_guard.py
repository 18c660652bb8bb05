"""Enforces the memory limit of fits, and recognises workers that the kernel killed for memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from automl.scheduling.devices import memory
from automl.trial.spec import FoldResult, TrialError

__all__ = ["LOOK_S", "MemoryGuard", "MemoryUse"]

LOOK_S = 0.2
NEAR_SHARE = 0.9  # of the limit: above it, a SIGKILL counts as lack of memory
KEEP_SHARE = 0.5  # of the limit: an idle worker above it leaves too little for the next fit
SETTING = "scheduler.fit_memory_gib"


class MemoryUse:
    """The memory of one fit in its worker.

    Args:
        limit_gib: Memory above which it is killed, in GiB; if infinite, nothing is measured.
        fold: The fold that is fitted.

    Attributes:
        gib: Memory in GiB at the last measurement.
        peak_gib: Largest measured memory in GiB.
    """

    def __init__(self, limit_gib: float, fold: int) -> None:
        self.limit_gib, self.fold = limit_gib, fold
        self.gib = self.peak_gib = 0.0

    def look(self, pid: int) -> None:
        """Measures the worker."""
        if math.isinf(self.limit_gib):
            return
        self.gib = memory.process_tree_gib(pid)
        if self.gib > self.limit_gib:
            self.gib = memory.proportional_gib(pid)
        self.peak_gib = max(self.peak_gib, self.gib)

    def measured(self, result: FoldResult) -> FoldResult:
        """The result with the measured peak, if there is one."""
        return replace(result, peak_rss_mib=1024 * self.peak_gib) if self.peak_gib else result

    @property
    def is_light(self) -> bool:
        """Whether a worker that has ended its fit leaves enough memory for the next one."""
        return self.gib <= KEEP_SHARE * self.limit_gib

    def error(self, pid: int) -> TrialError | None:
        """Measures the worker; returns an error if it exceeds its limit."""
        self.look(pid)
        if self.gib <= self.limit_gib:
            return None
        return TrialError(
            "oom",
            f"{self.gib:.2f} GiB of memory, above the limit of {self.limit_gib:.2f} GiB for one "
            f"fit: {SETTING} raises it",
            fold=self.fold,
        )


class MemoryGuard:
    """Schedules measurements of running fits, and explains killed workers.

    Args:
        clock: Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._next_look = clock, -math.inf
        self._oom_kills = memory.oom_kills()

    @property
    def wait_s(self) -> float:
        """Seconds until the next measurement."""
        return max(0.0, self._next_look - self._clock())

    def is_time(self) -> bool:
        """Whether to measure now; if so, schedules the next time."""
        if self.wait_s > 0:
            return False
        self._next_look = self._clock() + LOOK_S
        return True

    def explain_kill(self, memory_use: MemoryUse) -> TrialError | None:
        """An error if a worker was killed because the kernel was short of memory, else None.

        That is assumed if the kernel has counted such a kill, or if the fit was near its limit at
        the last measurement. Each counted kill explains one worker.
        """
        counted = memory.oom_kills() > self._oom_kills
        if counted:
            self._oom_kills += 1
            why = "the kernel killed the worker for lack of memory"
        elif memory_use.gib > NEAR_SHARE * memory_use.limit_gib:
            why = "the worker was killed by SIGKILL, as by the kernel for lack of memory"
        else:
            return None
        message = f"{why}: {memory_use.gib:.2f} GiB at the last measurement"
        if math.isfinite(memory_use.limit_gib):
            message += f", the limit of one fit is {memory_use.limit_gib:.2f} GiB ({SETTING})"
        return TrialError("oom", message, fold=memory_use.fold)
