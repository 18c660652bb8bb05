"""Learning-rate schedules, and the number of steps that fit into the time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from automl.plugin import TrialContext

__all__ = ["SCHEDULES", "StepBudget", "deadline_of"]

_LIMIT_SHARE = 0.93  # share of the time limit for training; the rest is for work after it
_DEADLINE_SHARE = 0.85  # share of the time to the deadline, at which a killed worker loses the fit


def _coslog4(progress: float) -> float:
    """Four cosine cycles, each twice as long as the one before (arXiv 2407.04491, section 3)."""
    return 0.5 * (1.0 - math.cos(2 * math.pi * math.log2(1.0 + 15.0 * progress)))


def _flat_cos(progress: float) -> float:
    """Full rate for the first half, then a half cosine down to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * max(0.0, 2.0 * progress - 1.0)))


def _cosine(progress: float) -> float:
    """A short linear warm-up, then a half cosine down to 0."""
    warm_up = 0.05
    if progress < warm_up:
        return 0.1 + 0.9 * progress / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (progress - warm_up) / (1.0 - warm_up)))


def _one_cycle(progress: float) -> float:
    """Linear rise to the full rate, and linear fall to 0 (Smith 2017, arXiv 1708.07120)."""
    warm_up, first = 0.2, 0.05
    if progress < warm_up:
        return first + (1.0 - first) * progress / warm_up
    return max(0.0, (1.0 - progress) / (1.0 - warm_up))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "coslog4": _coslog4,
    "flat_cos": _flat_cos,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "constant": lambda progress: 1.0,
}
"""Factor of the learning rate by progress, both from 0 to 1."""

_WARM_UP_STEPS = 3  # the first steps allocate memory, so their time is not typical


def deadline_of(context: TrialContext) -> float | None:
    """Clock value by which training should end, or None."""
    seconds = _DEADLINE_SHARE * context.time_left_s
    if context.time_limit_s is not None:
        seconds = min(seconds, _LIMIT_SHARE * context.time_limit_s)
    return None if math.isinf(seconds) else context.clock() + seconds


@dataclass(slots=True)
class StepBudget:
    """Plans the number of steps: all, or as many as time allows.

    While all steps fit, the plan never changes, so a fit with enough time does not depend on the
    clock.

    Attributes:
        max_steps: Number of steps without a time limit.
        steps_per_epoch: Steps between two evaluations.
        stop_at: Value of ``clock`` by which training and evaluation should end; None without a
            limit.
        clock: Returns the time in seconds.
        n_steps: Number of planned steps.
    """

    max_steps: int
    steps_per_epoch: int
    stop_at: float | None = None
    clock: Callable[[], float] = time.monotonic
    n_steps: int = field(init=False)
    _step: int = field(init=False, default=0)
    _first_timed: int = field(init=False, default=_WARM_UP_STEPS)
    _training_s: float = field(init=False, default=0.0)
    _evaluation_s: float = field(init=False, default=0.0)
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self.n_steps = self.max_steps
        self._last = self.clock()

    @property
    def progress(self) -> float:
        """Share of the planned steps done, 0 to 1."""
        return min(1.0, self._step / self.n_steps)

    @property
    def is_over(self) -> bool:
        """True if the planned steps are done or time is up."""
        return self._step >= self.n_steps or self._time_left() <= self._evaluation_s

    def step_done(self) -> None:
        """Records the time of a step, and plans once the first steps are timed."""
        now = self.clock()
        if self._step >= self._first_timed:
            self._training_s += now - self._last
        self._last = now
        self._step += 1
        if self._step - self._first_timed in (5, 40):
            self._plan()

    def evaluation_done(self) -> None:
        """Records the time of an evaluation, and plans again."""
        now = self.clock()
        self._evaluation_s = now - self._last
        self._last = now
        self._plan()

    @property
    def step(self) -> int:
        """Number of steps done."""
        return self._step

    def go_on_from(self, step: int) -> None:
        """Continues after the given number of steps."""
        self._step, self._first_timed = step, step + _WARM_UP_STEPS
        self.n_steps = max(self.n_steps, step)

    def work_changed(self) -> None:
        """Forgets the times of steps, which have changed."""
        self._training_s, self._first_timed = 0.0, self._step

    def _time_left(self) -> float:
        return math.inf if self.stop_at is None else self.stop_at - self.clock()

    def _plan(self) -> None:
        timed = self._step - self._first_timed
        left = self._time_left()
        if timed <= 0 or math.isinf(left):
            return
        step_s = self._training_s / timed
        # One evaluation is always at the end, the others follow the epochs.
        with_evaluation_s = step_s + self._evaluation_s / self.steps_per_epoch
        fitting = max(0.0, left - self._evaluation_s) / max(with_evaluation_s, 1e-9)
        self.n_steps = max(1, self._step, min(self.max_steps, self._step + int(fitting)))
