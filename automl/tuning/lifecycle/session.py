"""Holds the resources of a search in this process: workers, run lock, watchers and Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from automl.errors import AutoMLError, StorageError
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.surface import python_call

if TYPE_CHECKING:
    from automl.config.schema import SearchConfig
    from automl.events import Event
    from automl.registry import Registry
    from automl.scheduling.early_start import EarlyStart
    from automl.scheduling.executor import Executor
    from automl.status import StatusLine

__all__ = ["SearchSession", "start_session"]


@dataclass(slots=True)
class SearchSession:
    """A search in this process, new or resumed.

    Attributes:
        early: Processes started before the executor was known; see ``start_early``.
        started: ``time.monotonic()`` at the start of its budget.
        status: Shows the events to the user.
        watchers: Called with each event.
        run: The run directory, once it is known.
        lock: Lock of the run directory.
        executor: Runs the fits, once it is known.
    """

    early: EarlyStart
    started: float
    status: StatusLine | None = None
    watchers: tuple[Callable[[Event], None], ...] = ()
    run: RunDir | None = None
    lock: RunLock | None = None
    executor: Executor | None = None

    def end(self) -> None:
        """Stops the processes, and releases the run directory."""
        if self.status is not None:
            self.status.close()
        (self.executor or self.early).close()
        if self.lock is not None:
            self.lock.release()

    def search(
        self, run: RunDir, config: SearchConfig, registry: Registry, data: Any, *, is_new: bool
    ) -> None:
        """Searches in a new run directory, or continues a search.

        The data of an earlier search may be given, to be compared.
        """
        from automl.scheduling.factory import make_executor
        from automl.tuning.lifecycle.finished_run import FinishedRun
        from automl.tuning.lifecycle.run_search import run_search
        from automl.tuning.lifecycle.start import SearchInputs, resume_search, start_search

        self.executor = executor = make_executor(config.scheduler, registry, self.early)
        self.run, self.lock = run, RunLock(run)
        with _interrupts() as interrupts:
            given = SearchInputs(
                data, config, registry, run, executor, self.started, interrupts.asked, self.lock
            )
            prepared = start_search(given) if is_new else resume_search(given)
            if isinstance(prepared, FinishedRun):
                _watch(run, prepared.events(), self.watchers, interrupts, ends=False)
            else:
                _watch(run, run_search(prepared), self.watchers, interrupts)


@contextmanager
def start_session(
    started: float | None, on_event: Callable[[Event], None] | None, verbosity: int
) -> Iterator[SearchSession]:
    """Starts a session, and closes it at the end of the block.

    Args:
        started: ``time.monotonic()`` at the start of the budget; now by default.
        on_event: Called with each event.
        verbosity: Amount of output; see ``make_status``.

    Raises:
        ConfigError: There is no such verbosity.
        StorageError: The disk is full or read-only, or writing is not permitted; the text says
            how to continue.
    """
    started = time.monotonic() if started is None else started
    from automl.scheduling.early_start import start_early

    session = SearchSession(start_early(), started)  # first of all
    try:
        try:
            from automl.config.fields import ARGUMENTS
            from automl.status import make_status
            from automl.tuning.propose.optuna_log import optuna_as_it_was

            session.status = make_status(verbosity)
            session.watchers = tuple(filter(None, (session.status, on_event)))
            with python_call(ARGUMENTS), optuna_as_it_was():
                yield session
        finally:
            session.end()
    except StorageError as error:
        from automl.tuning.lifecycle.finish import with_resume_hint

        raise with_resume_hint(error, session.run) from error


def _watch(
    run: RunDir,
    events: Iterator[Event],
    watchers: tuple[Callable[[Event], None], ...],
    interrupts: _Interrupts,
    ends: bool = True,
) -> None:
    """Runs the search to its end; logs all events except progress, and passes all to watchers.

    If there was nothing to do, the end is not logged again.

    Raises:
        Exception: An error of a watcher. No watcher is called again, and the search finishes as
            after Ctrl-C before the error is raised.
    """
    from automl.events import Progress, SearchFinished
    from automl.store.log import append_log

    failure: Exception | None = None
    try:
        for event in events:
            if not isinstance(event, Progress) and (ends or not isinstance(event, SearchFinished)):
                append_log(run, type(event).__name__, asdict(event))
            try:
                for watcher in () if failure is not None else watchers:
                    watcher(event)
            except Exception as error:  # the caller's function may raise anything
                error.add_note(
                    "raised by on_event: the search was stopped, and its results are kept. "
                    f"Continue with automl.resume({str(run.path)!r})"
                )
                failure = error
                interrupts.stop()
    except AutoMLError as error:
        if failure is not None:
            raise failure from error
        raise
    if failure is not None:
        raise failure


@dataclass(slots=True)
class _Interrupts:
    """Counts Ctrl-C."""

    count: int = 0

    def asked(self) -> bool:
        return self.count > 0

    def stop(self) -> None:
        """Makes the search finish with its results so far."""
        self.count += 1

    def handle(self, signum: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt


@contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    """Counts SIGINT and SIGTERM instead of their usual effect, in the main thread only."""
    interrupts = _Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {s: signal.signal(s, interrupts.handle) for s in signals}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
