"""Runs jobs in worker processes on this machine: ``scheduler=local``."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait

from automl.scheduling.devices.capacity import Capacity
from automl.scheduling.devices.machine import capacity_of
from automl.scheduling.devices.pool import DevicePool, Lease
from automl.scheduling.executor import (
    Done,
    Ended,
    ExecutorEvent,
    Failed,
    OneMachineExecutor,
    Reported,
)
from automl.scheduling.immediate import ImmediateFits
from automl.scheduling.local.busy_worker import BusyWorker
from automl.scheduling.local.launcher import Launcher
from automl.scheduling.local.memory_guard import MemoryGuard, MemoryUse
from automl.scheduling.local.messages import Encoded, FromWorker, Prune, Ready, Start
from automl.scheduling.local.worker_pool import WorkerPool
from automl.scheduling.thread_probe import ThreadProbe
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, JobKey, TrialError
from automl.trial.worker_state import WorkerState

__all__ = ["LocalExecutor"]

MAX_MESSAGES = 200  # of one worker per poll, so that frequent reports do not delay others


class LocalExecutor(OneMachineExecutor):
    """Worker processes on this machine, one job or pack each at a time, kept warm between jobs.

    Args:
        pool: The devices of the run.
        launcher: Starts worker processes; it is closed with the executor.
        clock: Returns the seconds for time limits; workers use ``time.monotonic``.
    """

    _workers: WorkerPool

    def __init__(
        self, pool: DevicePool, launcher: Launcher, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pool, self._launcher, self._clock = pool, launcher, clock
        self._guard, self._capacity = MemoryGuard(clock), capacity_of(pool)
        self._immediate: ImmediateFits | None = None
        self._busy: list[BusyWorker] = []
        self._ended: list[ExecutorEvent] = []

    def capacity(self) -> Capacity:
        """This machine, as far as the settings allow."""
        return self._capacity

    def preload(self, modules: Sequence[str]) -> None:
        """Loads modules for future workers, without waiting."""
        self._launcher.preload(modules)

    def open(
        self,
        setup: TrialSetup,
        state: WorkerState | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Sets the run of all jobs; with ``state``, some fits need no worker."""
        self._workers = WorkerPool(setup, self._launcher)
        self._immediate = None if state is None else ImmediateFits(state)

    def warm_up(self, n_workers: int) -> None:
        """Starts or ends workers until there are ``n_workers``; they open the data at once."""
        self._workers.warm_up(n_workers)

    def probe(self, probe: ThreadProbe, n_workers: int) -> float | None:
        """Runs a probe on workers side by side: see ``WorkerPool.probe``."""
        return self._workers.probe(probe, n_workers)

    def is_immediate(self, job: Job) -> bool:
        """Whether a job reads no column, so that ``submit`` runs it at once without a worker."""
        return self._immediate is not None and self._immediate.takes(job)

    def submit(
        self, jobs: Sequence[Job], lease: Lease, modules: frozenset[str] = frozenset()
    ) -> None:
        """Starts a job or a pack on leased devices; ``modules`` are its imports.

        A job that needs no worker has ended when this returns, and the next poll returns its end.
        """
        if self._immediate is not None and len(jobs) == 1 and self._immediate.takes(jobs[0]):
            self._ended.append(self._immediate.run(jobs[0]))
            self.pool.release(lease)
            return
        self._launcher.preload(sorted(modules))  # once, and not in each worker
        worker, first, now = self._workers.acquire(lease, modules), jobs[0], self._clock()
        due = math.inf if first.end_s is None else now + first.end_s
        limit_s = math.inf if first.encode_limit_s is None else first.encode_limit_s
        memory_use = MemoryUse(lease.limit_gib, first.fold)
        by_id = {job.job_id: job for job in jobs}
        busy = BusyWorker(by_id, lease, worker, memory_use, due, limit_s, now)
        busy.is_fitting = bool(first.replaces_folds)  # a refit has one limit for everything
        self._busy.append(busy)
        with contextlib.suppress(OSError):  # a dead worker is seen at the next poll
            worker.connection.send(Start(tuple(jobs), lease.visible))

    def poll(self, timeout_s: float) -> list[ExecutorEvent]:
        """Waits at most ``timeout_s`` for events, and returns them.

        Limits are checked first, so that constant reports cannot protect a fit from being killed.
        """
        self._launcher.refresh()
        events, now = list[ExecutorEvent](), self._clock()
        for busy in self._busy:
            if busy.worker.pid is None:  # not forked yet: its phase has not begun
                busy.since = now
        for busy in [b for b in self._busy if b.deadline <= now]:
            if not busy.is_fitting:  # its message that it is may be waiting
                events.extend(self._read(busy))
            if busy in self._busy and busy.deadline <= now:
                self._kill_all(busy, TrialError("timeout", busy.why_late))
        self._check_memory()
        events.extend(self._ended)
        self._ended.clear()
        due = min((b.deadline for b in self._busy), default=float("inf"))
        patience = 0.0 if events else max(0.0, min(timeout_s, due - now, self._guard.wait_s))
        by_connection = {b.worker.connection: b for b in self._busy}
        for connection in wait(list(by_connection), timeout=patience):
            events.extend(self._read(by_connection[connection]))  # type: ignore[index]
        return events

    def _check_memory(self) -> None:
        """Kills only the fits that exceed their memory limit."""
        if not self._guard.is_time():
            return
        for busy in list(self._busy):
            if busy.worker.pid is not None and busy.worker.exit_status is None:
                error = busy.memory_use.error(busy.worker.pid)
                if error is not None:
                    self._kill_all(busy, error)

    def _read(self, busy: BusyWorker) -> Iterator[ExecutorEvent]:
        """Reads a worker's messages, up to a limit."""
        try:
            for _ in range(MAX_MESSAGES):
                if busy not in self._busy or not busy.worker.connection.poll():
                    return
                message: FromWorker = busy.worker.connection.recv()
                if isinstance(message, Ready):
                    busy.worker.pid = message.pid
                elif isinstance(message, Encoded):
                    busy.begin_fit(self._clock())
                elif message.job_id not in busy.dropped:
                    yield message if isinstance(message, Reported) else self._over(busy, message)
                elif not isinstance(message, Reported):
                    self._over(busy, message)
        except (EOFError, OSError):
            yield from self._lost(busy, self._death_of(busy))
        except Exception as error:  # a fit has written to the pipe
            message_text = f"the worker sent something unreadable: {type(error).__name__}: {error}"
            self._launcher.kill(busy.worker)
            yield from self._lost(busy, TrialError("crash", message_text[:500]))

    def _over(self, busy: BusyWorker, message: Ended) -> Ended:
        """Ends a job, and with the last of its pack the lease; keeps the worker warm.

        A worker is replaced if a job has failed, since its state is unknown, and if it keeps too
        much memory, for example because a library leaks.

        Returns:
            The message, with the measured memory of the fit.
        """
        del busy.jobs[message.job_id]
        busy.has_failed |= isinstance(message, Failed)
        if busy.worker.pid is not None:
            busy.memory_use.look(busy.worker.pid)
        if not busy.jobs:
            self._end(busy)
            if busy.has_failed or not busy.memory_use.is_light:
                self._launcher.kill(busy.worker)
            else:
                self._workers.release(busy.worker, busy.lease)
        if isinstance(message, Done):
            return Done(message.job_id, busy.memory_use.measured(message.result))
        return message

    def _lost(self, busy: BusyWorker, error: TrialError) -> list[Failed]:
        """Ends all jobs of a lost worker."""
        self._end(busy)
        return [Failed(job.job_id, replace(error, fold=job.fold)) for job in busy.wanted]

    def _death_of(self, busy: BusyWorker) -> TrialError:
        """Determines why a worker died."""
        for _ in range(50):  # the parent of workers reports the exit just after the pipe closes
            self._launcher.refresh()
            if busy.worker.exit_status is not None:
                break
            time.sleep(0.01)
        self._launcher.kill(busy.worker)
        status = busy.worker.exit_status
        kind = "crash"
        if status == -signal.SIGKILL:
            starved = self._guard.explain_kill(busy.memory_use)
            if starved is not None:
                return starved
        if status is None:
            message = "the worker is gone"
        elif status < 0:
            message = f"the worker was killed by {_signal_name(-status)}"
            kind = "killed" if -status == signal.SIGKILL else "crash"
        else:
            message = f"the worker exited with status {status}"
        return TrialError(kind, message)

    def prune(self, job_id: JobKey) -> None:
        """Asks a fit to stop at its next report."""
        for busy in self._with(job_id):
            with contextlib.suppress(OSError):
                busy.worker.connection.send(Prune(job_id))

    def kill(self, job_id: JobKey, error: TrialError) -> None:
        """Ends a running job at once; the next poll returns it as failed with this error.

        Other jobs of its pack continue: it leaves them at its next report.
        """
        for busy in self._with(job_id):
            if [job.job_id for job in busy.wanted] == [job_id]:
                self._kill_all(busy, error)
                return
            self.prune(job_id)
            busy.dropped.add(job_id)
            self._ended.append(Failed(job_id, error))

    def _kill_all(self, busy: BusyWorker, error: TrialError) -> None:
        """Kills a worker with all its jobs."""
        self._launcher.kill(busy.worker)
        self._ended += self._lost(busy, error)

    def _with(self, job_id: JobKey) -> list[BusyWorker]:
        """The worker of a job, if it is running and not dropped."""
        return [b for b in self._busy if job_id in b.jobs and job_id not in b.dropped]

    def stop(self) -> None:
        """Ends all jobs at once, without results; idle workers stay warm."""
        for busy in list(self._busy):
            self._launcher.kill(busy.worker)
            self._end(busy)
        self._ended.clear()

    def close(self) -> None:
        """Ends all jobs and workers."""
        self.stop()
        self._launcher.close()

    def _end(self, busy: BusyWorker) -> None:
        self._busy.remove(busy)
        self.pool.release(busy.lease)


def _signal_name(number: int) -> str:
    """Name of a signal, such as SIGSEGV; real-time signals have only numbers."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
