"""Runs jobs in worker processes on this machine: submit, poll, prune, kill."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Protocol, TypeAlias

from automl.scheduling.crew import Crew
from automl.scheduling.devices import DevicePool, Lease
from automl.scheduling.guard import Footprint, MemoryGuard
from automl.scheduling.launch import Launcher, WorkerProcess
from automl.scheduling.messages import (
    Done,
    Failed,
    FromWorker,
    Probe,
    Progressed,
    Prune,
    Pruned,
    Ready,
    Start,
    Unwritable,
)
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, TrialError

__all__ = ["Executor", "Happening", "LocalExecutor"]

MAX_MESSAGES = 200  # of one worker in one poll: a fit that reports all the time delays nobody

Ended: TypeAlias = Done | Pruned | Failed | Unwritable
Happening: TypeAlias = Progressed | Ended


class Executor(Protocol):
    """Where jobs run. The controller knows nothing else of machines and processes."""

    @property
    def pool(self) -> DevicePool:
        """The devices. Those of a job are leased here before it is submitted, and come back."""
        ...

    def submit(self, job: Job, lease: Lease, modules: frozenset[str]) -> None:
        """Starts a job on leased devices; ``modules`` are what its family imports."""
        ...

    def poll(self, timeout_s: float) -> list[Happening]:
        """Waits at most so long for something to happen, and returns what did."""
        ...

    def prune(self, job_id: str) -> None:
        """Asks a fit to stop at its next report."""
        ...

    def kill(self, job_id: str, error: TrialError) -> None:
        """Ends a running job at once; the next poll returns it as failed with this error."""
        ...

    def close(self) -> None:
        """Ends everything that runs."""
        ...


@dataclass(slots=True)
class _Busy:
    job: Job
    lease: Lease
    worker: WorkerProcess
    deadline: float
    footprint: Footprint


class LocalExecutor:
    """Worker processes on this machine, one job each at a time, kept warm between jobs.

    Args:
        setup: What every worker is told first.
        pool: The devices of the run.
        launcher: Starts worker processes; closed together with the executor.
    """

    def __init__(self, setup: TrialSetup, pool: DevicePool, launcher: Launcher) -> None:
        self.pool, self._launcher = pool, launcher
        self._crew, self._guard = Crew(setup, launcher), MemoryGuard()
        self._busy: dict[str, _Busy] = {}
        self._killed: list[Failed] = []

    def warm_up(self, n_workers: int) -> None:
        """Starts or ends workers until so many are there, which open the data before any job."""
        self._crew.warm_up(n_workers)

    def probe(self, probe: Probe, n_workers: int) -> float | None:
        """Has workers do the work of a probe side by side: see ``Crew.probe``."""
        return self._crew.probe(probe, n_workers)

    def submit(self, job: Job, lease: Lease, modules: frozenset[str] = frozenset()) -> None:
        """Starts a job on leased devices; ``modules`` are what its family imports."""
        worker = self._crew.take(lease, modules)
        due = float("inf") if job.deadline_s is None else time.monotonic() + job.deadline_s
        footprint = Footprint(lease.limit_gib, job.fold)
        self._busy[job.job_id] = _Busy(job, lease, worker, due, footprint)
        with contextlib.suppress(OSError):  # a dead worker is seen at the next poll
            worker.connection.send(Start(job, due, lease.visible))

    def poll(self, timeout_s: float) -> list[Happening]:
        """Waits at most so long for something to happen, and returns what did.

        Limits come first: a fit that never falls silent is killed all the same.
        """
        self._launcher.refresh()
        now = time.monotonic()
        for busy in [b for b in self._busy.values() if b.deadline <= now]:
            limit = busy.job.deadline_s or 0.0
            message = f"killed after {limit:.1f} s: it did not stop at its deadline"
            self.kill(busy.job.job_id, TrialError("timeout", message, fold=busy.job.fold))
        self._check_memory()
        events: list[Happening] = list(self._killed)
        self._killed.clear()
        due = min((b.deadline for b in self._busy.values()), default=float("inf"))
        patience = 0.0 if events else max(0.0, min(timeout_s, due - now, self._guard.wait_s))
        by_connection = {b.worker.connection: b for b in self._busy.values()}
        for connection in wait(list(by_connection), timeout=patience):
            events.extend(self._read(by_connection[connection]))  # type: ignore[index]
        return events

    def _check_memory(self) -> None:
        """Kills the fits that hold more memory than they may, and no others."""
        if not self._guard.is_time():
            return
        for busy in list(self._busy.values()):
            if busy.worker.pid is not None and busy.worker.exit_status is None:
                error = busy.footprint.error(busy.worker.pid)
                if error is not None:
                    self.kill(busy.job.job_id, error)

    def _read(self, busy: _Busy) -> Iterator[Happening]:
        """Reads what a worker has said; not all, where it talks faster than we can read."""
        job_id = busy.job.job_id
        try:
            for _ in range(MAX_MESSAGES):
                if not busy.worker.connection.poll():
                    return
                message: FromWorker = busy.worker.connection.recv()
                if isinstance(message, Ready):
                    busy.worker.pid = message.pid
                    continue
                if isinstance(message, Progressed):
                    yield message
                    continue
                yield self._ended(busy, message)
                return
        except (EOFError, OSError):
            self._end(busy)
            yield Failed(job_id, self._death_of(busy))
        except Exception as error:  # a fit has written into the pipe
            message_text = f"the worker sent something unreadable: {type(error).__name__}: {error}"
            self._launcher.kill(busy.worker)
            self._end(busy)
            yield Failed(job_id, TrialError("crash", message_text[:500], fold=busy.job.fold))

    def _ended(self, busy: _Busy, message: Ended) -> Ended:
        """Ends a job; keeps its worker warm. One that failed may be in any state and is replaced.

        So is one that has too much memory left from its fits, as where a library leaks.

        Returns:
            The message, with what the fit was seen to hold.
        """
        self._end(busy)
        if busy.worker.pid is not None:
            busy.footprint.look(busy.worker.pid)
        if isinstance(message, Failed) or not busy.footprint.is_light:
            self._launcher.kill(busy.worker)
        else:
            self._crew.keep(busy.worker, busy.lease)
        if isinstance(message, Done):
            return Done(message.job_id, busy.footprint.measured(message.result))
        return message

    def _death_of(self, busy: _Busy) -> TrialError:
        """Says what ended a worker that is gone."""
        for _ in range(50):  # the nursery reports the exit a moment after the pipe closes
            self._launcher.refresh()
            if busy.worker.exit_status is not None:
                break
            time.sleep(0.01)
        self._launcher.kill(busy.worker)
        status = busy.worker.exit_status
        kind = "crash"
        if status == -signal.SIGKILL:
            starved = self._guard.explain_kill(busy.footprint)
            if starved is not None:
                return starved
        if status is None:
            message = "the worker is gone"
        elif status < 0:
            message = f"the worker was killed by {_signal_name(-status)}"
            kind = "killed" if -status == signal.SIGKILL else "crash"
        else:
            message = f"the worker exited with status {status}"
        return TrialError(kind, message, fold=busy.job.fold)

    def prune(self, job_id: str) -> None:
        """Asks a fit to stop at its next report."""
        if job_id in self._busy:
            with contextlib.suppress(OSError):
                self._busy[job_id].worker.connection.send(Prune(job_id))

    def kill(self, job_id: str, error: TrialError) -> None:
        """Ends a running job at once; the next poll returns it as failed with this error."""
        busy = self._busy.get(job_id)
        if busy is not None:
            self._launcher.kill(busy.worker)
            self._end(busy)
            self._killed.append(Failed(job_id, error))

    def close(self) -> None:
        """Ends everything that runs."""
        self._launcher.close()
        self._busy.clear()
        self._crew.clear()

    def _end(self, busy: _Busy) -> None:
        del self._busy[busy.job.job_id]
        self.pool.release(busy.lease)


def _signal_name(number: int) -> str:
    """Such as SIGSEGV; real-time signals have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
