"""Tests that a fit ends by itself at its deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from automl.plugin import FittedModel, Task
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import CountedClock, RecordingReport

__all__ = ["Deadlines"]

LIMIT_S = 10.0  # on a clock that is advanced by the work of a fit, so no test waits
LOOKS, REPORTS = 200, 2  # either uses up that time
LATE_LOOKS, LATE_REPORTS = 20, 2  # allowed after the deadline
HANGING_S = 60.0


class Deadlines(FamilyCase):
    """Tests the deadline by counting work, independently of the load of the machine."""

    @each_task
    def test_it_ends_by_itself_near_the_deadline(self, task: Task) -> None:
        """Soon after its deadline a fit stops reporting and returns a usable model.

        The clock is ``context.clock``. It advances only with the work of the fit: with each read,
        ``context.time_left_s`` included, and each report. A fit that reads ``time.monotonic()``
        finds its deadline passed.
        """
        table, clock = self._real(task), CountedClock(LIMIT_S / LOOKS)
        deadline, params, fold = clock.now + LIMIT_S, self._params(table), self._fold(table)
        context = self._context(table, time_limit_s=LIMIT_S, deadline=deadline, clock=clock)
        report = RecordingReport(clock=clock, report_s=LIMIT_S / REPORTS)
        model = _ended(lambda: self.family.fit(params, fold, context, report), HANGING_S)
        assert len(report.steps) <= REPORTS + LATE_REPORTS, "it reports after its deadline"
        assert clock.n_looks <= LOOKS + LATE_LOOKS, "it reads the clock but does not stop"
        self._check(model.predict(self._shown(fold.valid)), fold, table)


def _ended(fit: Callable[[], FittedModel], hanging_s: float) -> FittedModel:
    """Returns the model of a fit; fails if the fit does not end."""
    outcome: Future[FittedModel] = Future()

    def run() -> None:
        try:
            outcome.set_result(fit())
        except BaseException as error:  # raised again in the thread of the test
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return outcome.result(hanging_s)
    except TimeoutError:
        pytest.fail(f"it does not end: its deadline passed {hanging_s:.0f} s ago")
