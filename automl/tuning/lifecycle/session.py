"""One search while this process is at it: its workers, its lock, its events, Ctrl-C."""

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
    from automl.scheduling.early import EarlyStart
    from automl.scheduling.executor import Executor
    from automl.status import StatusLine

__all__ = ["Session", "start_session"]


@dataclass(slots=True)
class Session:
    """One search, new or resumed, while this process is at it.

    Attributes:
        early: What was started before its executor was known; see ``start_early``.
        started: ``time.monotonic()`` when its budget began to run.
        status: Shows them to a person.
        watchers: Take its events.
        run: The run directory, once it is known.
        lock: Of the run directory.
        executor: Runs its fits, once it is known.
    """

    early: EarlyStart
    started: float
    status: StatusLine | None = None
    watchers: tuple[Callable[[Event], None], ...] = ()
    run: RunDir | None = None
    lock: RunLock | None = None
    executor: Executor | None = None

    def end(self) -> None:
        """Ends what was started, and lets others search in the run."""
        if self.status is not None:
            self.status.close()
        (self.executor or self.early).close()
        if self.lock is not None:
            self.lock.release()

    def begin(self, run: RunDir, config: SearchConfig, registry: Registry, data: Any) -> None:
        """Searches in a new run directory."""
        from automl.tuning.lifecycle.conduct import conduct
        from automl.tuning.lifecycle.start import prepare_search

        executor = self._make_executor(config, registry)
        self.run, self.lock = run, (lock := RunLock(run))
        with _interrupts() as interrupts:
            prepared = prepare_search(
                data, config, registry, run, executor, self.started, interrupts.asked, lock
            )
            _watch(run, conduct(prepared), self.watchers, interrupts)

    def go_on(self, run: RunDir, config: SearchConfig, registry: Registry, data: Any) -> None:
        """Goes on with a search that was begun; its data may be given, to be compared."""
        from automl.tuning.lifecycle.conduct import conduct
        from automl.tuning.lifecycle.over import Over
        from automl.tuning.lifecycle.start import prepare_resumed

        executor = self._make_executor(config, registry)
        self.run, self.lock = run, RunLock(run)
        self.lock.acquire()
        with _interrupts() as interrupts:
            prepared = prepare_resumed(
                data, config, registry, run, executor, self.started, interrupts.asked
            )
            if isinstance(prepared, Over):
                _watch(run, prepared.events(), self.watchers, interrupts, ends=False)
            else:
                _watch(run, conduct(prepared), self.watchers, interrupts)

    def _make_executor(self, config: SearchConfig, registry: Registry) -> Executor:
        from automl.scheduling.factory import make_executor

        self.executor = make_executor(config.scheduler, registry, self.early)
        return self.executor


@contextmanager
def start_session(
    started: float | None, on_event: Callable[[Event], None] | None, verbosity: int
) -> Iterator[Session]:
    """Starts a search, and ends whatever of it is left when the block is over.

    Args:
        started: ``time.monotonic()`` when its budget began to run; now by default.
        on_event: Called with each event.
        verbosity: What is shown of them; see ``make_status``.

    Raises:
        ConfigError: There is no such verbosity.
        StorageError: The disk takes no more; the text says how to go on.
    """
    started = time.monotonic() if started is None else started
    from automl.config.fields import ARGUMENTS
    from automl.scheduling.early import start_early
    from automl.tuning.propose.optuna_log import optuna_as_it_was

    session = Session(start_early(), started)  # first of all
    try:
        try:
            from automl.status import make_status

            session.status = make_status(verbosity)
            session.watchers = tuple(filter(None, (session.status, on_event)))
            with python_call(ARGUMENTS), optuna_as_it_was():
                yield session
        finally:
            session.end()
    except StorageError as error:
        from automl.tuning.lifecycle.finish import with_the_way_on

        raise with_the_way_on(error, session.run) from error


def _watch(
    run: RunDir,
    events: Iterator[Event],
    watchers: tuple[Callable[[Event], None], ...],
    interrupts: _Interrupts,
    ends: bool = True,
) -> None:
    """Runs the search to its end; logs events but ticks, and passes all of them on.

    Where nothing was begun, no end is logged.

    Raises:
        Exception: What a watcher raised. It is called no more, and the search finishes with what
            there is, as after Ctrl-C, before the error goes on.
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
            except Exception as error:  # whatever the caller's function does
                error.add_note(
                    "raised by on_event: the search was stopped, and what it found is kept. Go on "
                    f"with automl.resume({str(run.path)!r})"
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
        """Has the search finish with what there is."""
        self.count += 1

    def handle(self, signum: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt


@contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    """Counts SIGINT and SIGTERM in place of their usual effect, where this is the main thread."""
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
