"""The budget of a search: time and trials, and the share of time that one fit may take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["MAX_FIT_SHARE", "Budget"]

# One model may take about 15 % of the core-seconds of a minute, and a smaller share of a longer
# budget, which is better spent on more models: a fold of an hour's run stays near half a minute.
MODEL_SHARE_AT_60_S = 0.15
MODEL_SHARE_EXPONENT = 0.35
MAX_FIT_SHARE = 0.3  # of the seconds of the run, however many cores there are: fits come in turns
KILL_FACTOR = 3.0
KILL_SLACK_S = 10.0
KILL_SHARE = 0.5  # of the budget, so that one hanging fit cannot use up a short run
ENCODE_FACTOR = 10.0  # times the longest so far: other encodings of the same rows may take longer
MIN_RESERVE_S = 1.0
SHORT_S = 20.0  # below, guessed times shrink with the budget: a second is much of ten
RESERVE_SHARE_UP_TO_S = 60.0
MAX_REFIT_SHARE = 0.25  # of the budget
LATE_SHARE, LATE_S = 1.05, 3.0  # of the budget, while there is no predictor yet


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a run.

    Attributes:
        started: Value of ``clock`` at the start of the run.
        time_s: Wall-clock seconds; None without a limit.
        trials: Number of trials; None without a limit.
        reserve_share: Share of a minute reserved for the last ensemble and for saving; smaller for
            longer budgets.
        fit_timeout_s: Seconds after which a fit is killed, as set by the user; None derives it.
        clock: Returns seconds; None is ``time.monotonic``.
        began_by_time: Whether the run began without a number of trials (a resume may have set one).
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
        """Whether every machine must try the same trials: the run began with a number of them."""
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
        """Seconds reserved for the last ensemble and for saving; None without a limit.

        They depend on rows and classes more than on the length of the search: above a minute the
        reserve grows with the square root of the time.
        """
        if self.time_s is None:
            return None
        return self.reserve_share * math.sqrt(self.time_s * min(self.time_s, RESERVE_SHARE_UP_TO_S))

    def search_left_s(self, finish_s: float = 0.0, refit_s: float = 0.0) -> float:
        """Seconds left for fits, before the ensemble is selected and saved; may be infinite.

        Args:
            finish_s: Expected seconds of finishing, from earlier measurements.
            refit_s: Longest expected time of refitting the members; no time is reserved for it if
                it is more than a quarter of the budget.
        """
        if self.time_s is None or self.reserve_s is None:
            return float("inf")
        reserve = max(self.haste * MIN_RESERVE_S, self.reserve_s, 1.5 * finish_s)
        reserve = min(reserve, 0.25 * self.time_s)
        if refit_s <= MAX_REFIT_SHARE * self.time_s:
            reserve += refit_s
        return self.time_s - reserve - self.elapsed_s

    @property
    def haste(self) -> float:
        """Share of a guessed time that is reserved: below 1 in a short budget."""
        return 1.0 if self.time_s is None else min(1.0, self.time_s / SHORT_S)

    @property
    def last_chance_s(self) -> float:
        """Seconds that a search without any predictor may still use to get its first one."""
        if self.time_s is None:
            return float("inf")
        return LATE_SHARE * self.time_s + LATE_S - self.elapsed_s

    def fair_share_s(self, n_slots: int, n_folds: int) -> float | None:
        """Seconds that one fit should take at most; None without a limit."""
        if self.time_s is None:
            return None
        relative = 60.0 / max(60.0, self.time_s)
        share = MODEL_SHARE_AT_60_S * float(relative**MODEL_SHARE_EXPONENT)
        return min(share * n_slots / n_folds, MAX_FIT_SHARE) * self.time_s

    def kill_after_s(self, fair_share_s: float | None) -> float | None:
        """Seconds after which a fit is killed once its fold is encoded; None for never."""
        if self.fit_timeout_s is not None:
            return self.fit_timeout_s
        if fair_share_s is None or self.time_s is None:
            return None
        return min(KILL_FACTOR * fair_share_s + KILL_SLACK_S, KILL_SHARE * self.time_s)

    def encode_limit_s(self, fit_limit_s: float | None, longest_s: float) -> float | None:
        """Seconds of encoding after which a worker is killed; None for never.

        A limit against encoders that hang, ten times the longest encoding so far. Before the
        first one, a search with a time budget is limited by its end alone.

        Args:
            fit_limit_s: Limit of the fit, from ``kill_after_s``.
            longest_s: Seconds of the longest encoding so far; 0 if unknown.
        """
        if fit_limit_s is None:
            return None
        if longest_s == 0.0:
            return None if self.time_s is not None else ENCODE_FACTOR * fit_limit_s
        return max(fit_limit_s, ENCODE_FACTOR * longest_s)
