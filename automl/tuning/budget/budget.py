"""How much time and how many trials there are, and what part of them one fit may take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Budget"]

# One model may take about 15 % of the core-seconds of a minute; less of longer budgets, which
# are better spent on more models (the exponent keeps a fold of an hour's run near half a minute).
MODEL_SHARE_AT_60_S = 0.15
MODEL_SHARE_EXPONENT = 0.35
KILL_FACTOR = 3.0
KILL_SLACK_S = 10.0
KILL_SHARE = 0.5  # of the budget: one fit that hangs must not be all there is of a short run
ENCODE_FACTOR = 10.0  # of the longest so far: other views of the same rows may take longer
MIN_RESERVE_S = 1.0
RESERVE_SHARE_UP_TO_S = 60.0
MAX_REFIT_SHARE = 0.25  # of the budget
LATE_SHARE, LATE_S = 1.05, 3.0  # of the budget, when there is nothing to predict with yet


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a run.

    Attributes:
        started: What ``clock`` said at the start of the run.
        time_s: Wall-clock seconds; None without a limit.
        trials: Number of trials; None without a limit.
        reserve_share: Share of a minute kept for the last ensemble and for saving; of longer
            budgets it is less.
        fit_timeout_s: Seconds after which a fit is killed, as set by the user; None derives it.
        clock: Tells the seconds; None is ``time.monotonic``.
        began_by_time: Whether the run began without a number of trials, which it may have got
            when it was resumed.
    """

    started: float
    time_s: float | None = None
    trials: int | None = None
    reserve_share: float = 0.04
    fit_timeout_s: float | None = None
    clock: Callable[[], float] | None = None
    began_by_time: bool = False

    @property
    def is_deterministic(self) -> bool:
        """Whether the same trials must come out on every machine: the run began with a number."""
        return self.trials is not None and not self.began_by_time

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start of the run."""
        return (self.clock or time.monotonic)() - self.started

    @property
    def time_left_s(self) -> float | None:
        """Seconds until the budget is used up; None without a limit."""
        return None if self.time_s is None else self.time_s - self.elapsed_s

    @property
    def reserve_s(self) -> float | None:
        """Seconds kept for the last ensemble and for saving; None without a limit.

        What they take depends on rows and classes more than on how long the search was: above a
        minute it grows with the root of the time.
        """
        if self.time_s is None:
            return None
        return self.reserve_share * math.sqrt(self.time_s * min(self.time_s, RESERVE_SHARE_UP_TO_S))

    def search_left_s(self, finish_s: float = 0.0, refit_s: float = 0.0) -> float:
        """Seconds until fits must be over, so that ensemble and saving fit in; may be infinite.

        Args:
            finish_s: What finishing is expected to take, from what was seen.
            refit_s: What fitting the members once more takes at most; where that is too much of
                the budget, no time is kept for it.
        """
        if self.time_s is None or self.reserve_s is None:
            return float("inf")
        reserve = max(MIN_RESERVE_S, self.reserve_s, 1.5 * finish_s)
        reserve = min(reserve, 0.25 * self.time_s)
        if refit_s <= MAX_REFIT_SHARE * self.time_s:
            reserve += refit_s
        return self.time_s - reserve - self.elapsed_s

    @property
    def last_chance_s(self) -> float:
        """Seconds that a search without any predictor may still take to get its first one."""
        if self.time_s is None:
            return float("inf")
        return LATE_SHARE * self.time_s + LATE_S - self.elapsed_s

    def fair_share_s(self, n_slots: int, n_folds: int) -> float | None:
        """Seconds that one fit should take at most; None without a limit."""
        if self.time_s is None:
            return None
        relative = 60.0 / max(60.0, self.time_s)
        share = MODEL_SHARE_AT_60_S * float(relative**MODEL_SHARE_EXPONENT)
        return share * self.time_s * n_slots / n_folds

    def kill_after_s(self, fair_share_s: float | None) -> float | None:
        """Seconds after which a fit is killed once its fold is encoded; None for never."""
        if self.fit_timeout_s is not None:
            return self.fit_timeout_s
        if fair_share_s is None or self.time_s is None:
            return None
        return min(KILL_FACTOR * fair_share_s + KILL_SLACK_S, KILL_SHARE * self.time_s)

    def encode_limit_s(self, fit_limit_s: float | None, longest_s: float) -> float | None:
        """Seconds after which a worker is killed that is still encoding a fold; None for never.

        A limit against encoders that hang: it is far from what any that works was seen to take,
        and before any was seen there is none but the end of the search.

        Args:
            fit_limit_s: What ``kill_after_s`` gives the fit.
            longest_s: What the longest encoding took so far; 0 where none is known.
        """
        if fit_limit_s is None:
            return None
        if longest_s == 0.0:
            return None if self.time_s is not None else ENCODE_FACTOR * fit_limit_s
        return max(fit_limit_s, ENCODE_FACTOR * longest_s)
