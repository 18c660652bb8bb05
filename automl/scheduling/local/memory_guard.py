"""Which fits hold more memory than they may, and which the kernel has ended for that."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from automl.scheduling.devices import memory
from automl.trial.spec import FoldResult, TrialError

__all__ = ["LOOK_S", "Footprint", "MemoryGuard"]

LOOK_S = 0.2
NEAR_SHARE = 0.9  # of the limit: a worker that was killed by SIGKILL there was short of memory
KEEP_SHARE = 0.5  # of the limit: an idle worker with more leaves the next fit too little
SETTING = "scheduler.fit_memory_gib"


class Footprint:
    """The memory of one fit in its worker.

    Args:
        limit_gib: At which it is ended, in GiB; infinite for never, and then nobody looks.
        fold: The fold that is fitted.

    Attributes:
        gib: When last looked at.
        peak_gib: The most that was seen.
    """

    def __init__(self, limit_gib: float, fold: int) -> None:
        self.limit_gib, self.fold = limit_gib, fold
        self.gib = self.peak_gib = 0.0

    def look(self, pid: int) -> None:
        """Looks at the worker."""
        if math.isinf(self.limit_gib):
            return
        self.gib = memory.tree_gib(pid)
        if self.gib > self.limit_gib:
            self.gib = memory.fair_gib(pid)
        self.peak_gib = max(self.peak_gib, self.gib)

    def measured(self, result: FoldResult) -> FoldResult:
        """A result that says how much was seen, where somebody looked."""
        return replace(result, peak_rss_mib=1024 * self.peak_gib) if self.peak_gib else result

    @property
    def is_light(self) -> bool:
        """Whether a worker that has just ended its fit leaves the next one enough of its limit."""
        return self.gib <= KEEP_SHARE * self.limit_gib

    def error(self, pid: int) -> TrialError | None:
        """Looks at the worker; says that the fit must end when it holds more than it may."""
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
    """Looks at running fits a few times a second, and at workers that somebody has killed.

    Args:
        clock: Gives the seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._next_look = clock, -math.inf
        self._oom_kills = memory.oom_kills()

    @property
    def wait_s(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._next_look - self._clock())

    def is_time(self) -> bool:
        """Whether to look now; the next time is then a moment away."""
        if self.wait_s > 0:
            return False
        self._next_look = self._clock() + LOOK_S
        return True

    def explain_kill(self, footprint: Footprint) -> TrialError | None:
        """Says that the kernel was short of memory when it killed a worker; None when it was not.

        It was where it has counted such a kill, or where the fit was near its limit when it was
        last looked at. Each kill that was counted explains one worker.
        """
        counted = memory.oom_kills() > self._oom_kills
        if counted:
            self._oom_kills += 1
            why = "the kernel killed the worker for lack of memory"
        elif footprint.gib > NEAR_SHARE * footprint.limit_gib:
            why = "the worker was killed by SIGKILL, as by the kernel for lack of memory"
        else:
            return None
        message = f"{why}: {footprint.gib:.2f} GiB when last looked at"
        if math.isfinite(footprint.limit_gib):
            message += f", the limit of one fit is {footprint.limit_gib:.2f} GiB ({SETTING})"
        return TrialError("oom", message, fold=footprint.fold)
