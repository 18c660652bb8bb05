"""Test doubles for suggestions, reports and the clock of a fit."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from automl.plugin import TrialPruned

__all__ = ["CheckingSuggest", "CountedClock", "RandomSuggest", "RecordingReport"]

PAST_S = 3600.0


class RandomSuggest:
    """Draws every value at random.

    Args:
        seed: Seed of the draws.

    Example:
        >>> suggest = RandomSuggest(seed=0)
        >>> params = {"depth": suggest.suggest_int("depth", 1, 8)}
        >>> 1 <= params["depth"] <= 8
        True
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A float in ``[low, high]``."""
        if log:
            return float(np.clip(np.exp(self._rng.uniform(np.log(low), np.log(high))), low, high))
        return float(self._rng.uniform(low, high))

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """An integer in ``[low, high]``."""
        return min(high, round(self.suggest_float(name, low, high, log=log)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of ``choices``."""
        return choices[int(self._rng.integers(len(choices)))]


class CheckingSuggest:
    """Proposes given params and records those that are missing or outside the search space.

    Args:
        params: Params to propose.

    Attributes:
        problems: One message per problem.

    Example:
        >>> suggest = CheckingSuggest({"depth": 9})
        >>> suggest.suggest_int("depth", 1, 8)
        1
        >>> suggest.problems
        ['depth = 9 is not in [1, 8]']
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = params
        self.problems: list[str] = []

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Returns the given value; ``low`` if it is missing or out of range."""
        value = self._params.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return float(self._problem(name, value, "is not a float", low))
        if not low <= value <= high:
            return float(self._problem(name, value, f"is not in [{low}, {high}]", low))
        return float(value)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Returns the given value; ``low`` if it is missing or out of range."""
        value = self._params.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            return int(self._problem(name, value, "is not an integer", low))
        if not low <= value <= high:
            return int(self._problem(name, value, f"is not in [{low}, {high}]", low))
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Returns the given value; the first choice if it is invalid."""
        value = self._params.get(name)
        if not any(value == c and type(value) is type(c) for c in choices):
            return self._problem(name, value, f"is not one of {list(choices)}", choices[0])
        return value

    def _problem(self, name: str, value: Any, what: str, instead: Any) -> Any:
        self.problems.append(f"{name} = {value!r} {what}")
        return instead


class CountedClock:
    """A clock for ``TrialContext.clock`` that advances with the work of a fit.

    Each read advances it by the same number of seconds, so that a fit with a limit does the same
    work on an idle and a busy machine. It starts one hour in the past: for a fit that reads
    ``time.monotonic()`` instead, a deadline on this clock has passed.

    Args:
        look_s: Seconds per read.

    Attributes:
        now: Value of the next read.
        n_looks: Number of reads.

    Example:
        >>> clock = CountedClock(look_s=0.5)
        >>> deadline, n_rounds = clock() + 2.2, 0
        >>> while clock() < deadline:
        ...     n_rounds += 1
        >>> n_rounds
        4
    """

    def __init__(self, look_s: float = 0.0) -> None:
        self.now, self.n_looks = time.monotonic() - PAST_S, 0
        self._look_s, self._lock = look_s, threading.Lock()  # packs are trained in threads

    def __call__(self) -> float:
        """Returns the time in seconds."""
        with self._lock:
            now, self.now = self.now, self.now + self._look_s
            self.n_looks += 1
            return now

    def advance(self, seconds: float) -> None:
        """Advances the clock without a read."""
        with self._lock:
            self.now += seconds


class RecordingReport:
    """Records reports, and can prune.

    Args:
        prune_at: Number of the call that raises ``TrialPruned``, from 1; None for never.
        clock: Clock that each report advances, if any.
        report_s: Seconds per report.

    Attributes:
        steps: The calls as (step, score).

    Example:
        >>> report = RecordingReport(prune_at=2)
        >>> try:
        ...     for step in range(1, 10):
        ...         report(step, 0.5)
        ... except TrialPruned:
        ...     print(report.steps)
        [(1, 0.5), (2, 0.5)]
    """

    def __init__(
        self, prune_at: int | None = None, clock: CountedClock | None = None, report_s: float = 0.0
    ) -> None:
        self.steps: list[tuple[int, float]] = []
        self._prune_at, self._clock, self._report_s = prune_at, clock, report_s

    def __call__(self, step: int, score: float) -> None:
        """Records one report.

        Raises:
            TrialPruned: This is call number ``prune_at``.
        """
        self.steps.append((step, score))
        if self._clock is not None:
            self._clock.advance(self._report_s)
        if len(self.steps) == self._prune_at:
            raise TrialPruned
