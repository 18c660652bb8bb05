"""A fit ends by itself when its time is up: where it does not, its worker is killed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from automl.plugin import FittedModel, Task
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import CountedClock, RecordingReport

__all__ = ["Deadlines"]

LIMIT_S = 10.0  # on a clock that the work of a fit moves: nobody waits for it
LOOKS, REPORTS = 200, 2  # use up that time, either of them
LATE_LOOKS, LATE_REPORTS = 20, 2  # may follow: the work of a moment
HANGING_S = 60.0


class Deadlines(FamilyCase):
    """The test of the deadline. It counts work: a loaded machine changes nothing of it."""

    @each_task
    def test_it_ends_by_itself_near_the_deadline(self, task: Task) -> None:
        """Soon after its deadline a fit makes no further report, and its model is usable.

        The clock is ``context.clock``. It moves with the work of the fit alone: with each look at
        it, ``context.time_left_s`` included, and with each report. A fit that reads
        ``time.monotonic()`` finds its deadline passed.
        """
        table, clock = self._real(task), CountedClock(LIMIT_S / LOOKS)
        deadline, params, fold = clock.now + LIMIT_S, self._params(table), self._fold(table)
        context = self._context(table, time_limit_s=LIMIT_S, deadline=deadline, clock=clock)
        report = RecordingReport(clock=clock, report_s=LIMIT_S / REPORTS)
        model = _ended(lambda: self.family.fit(params, fold, context, report), HANGING_S)
        assert len(report.steps) <= REPORTS + LATE_REPORTS, "it goes on after its deadline"
        assert clock.n_looks <= LOOKS + LATE_LOOKS, "it looks at the clock, and goes on"
        self._check(model.predict(self._shown(fold.valid)), fold, table)


def _ended(fit: Callable[[], FittedModel], hanging_s: float) -> FittedModel:
    """What a fit returns; fails where it does not end at all."""
    outcome: Future[FittedModel] = Future()

    def run() -> None:
        try:
            outcome.set_result(fit())
        except BaseException as error:  # to be raised where the test is
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return outcome.result(hanging_s)
    except TimeoutError:
        pytest.fail(f"it does not end: its deadline passed {hanging_s:.0f} s ago")
