"""Runs jobs in worker processes on this machine: submit, poll, prune, kill."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Protocol, TypeAlias

from automl.scheduling.devices import DevicePool, Gpu, Lease
from automl.scheduling.guard import Footprint, MemoryGuard
from automl.scheduling.launch import Launcher, WorkerProcess
from automl.scheduling.messages import (
    Done,
    Failed,
    FromWorker,
    Progressed,
    Prune,
    Pruned,
    Ready,
    Start,
)
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, TrialError

__all__ = ["Executor", "Happening", "LocalExecutor"]

MAX_MESSAGES = 200  # of one worker in one poll: a fit that reports all the time delays nobody

Ended: TypeAlias = Done | Pruned | Failed
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
        self._setup, self.pool, self._launcher = setup, pool, launcher
        self._guard = MemoryGuard()
        self._busy: dict[str, _Busy] = {}
        self._idle: list[tuple[Gpu | None, WorkerProcess]] = []
        self._killed: list[Failed] = []

    def warm_up(self, n_workers: int) -> None:
        """Starts workers for the CPU, so that they open the data before the first job."""
        for _ in range(n_workers):
            self._idle.append((None, self._launch(Lease(0))))

    def submit(self, job: Job, lease: Lease, modules: frozenset[str] = frozenset()) -> None:
        """Starts a job on leased devices; ``modules`` are what its family imports."""
        worker = self._worker_for(lease, modules)
        due = float("inf") if job.deadline_s is None else time.monotonic() + job.deadline_s
        footprint = Footprint(lease.limit_gib, job.fold)
        self._busy[job.job_id] = _Busy(job, lease, worker, due, footprint)
        with contextlib.suppress(OSError):  # a dead worker is seen at the next poll
            worker.connection.send(Start(job, due, lease.visible))

    def _worker_for(self, lease: Lease, modules: frozenset[str]) -> WorkerProcess:
        """An idle worker that sees these devices, or a new one.

        An idle worker that would have to import what the launcher has loaded by now is replaced:
        forking costs milliseconds, the import seconds.
        """
        self._launcher.refresh()
        self._idle = [(gpu, w) for gpu, w in self._idle if w.exit_status is None]
        if lease.is_whole_gpu:
            self._clear(lease.gpu)
        for place, (gpu, worker) in enumerate(self._idle):
            if gpu == lease.gpu:
                del self._idle[place]
                if not (modules & self._launcher.modules) - worker.modules:
                    return worker
                self._launcher.kill(worker)
                break
        return self._launch(lease)

    def _clear(self, gpu: Gpu | None) -> None:
        """Leaves one idle worker of a GPU: each holds some of its memory, as CUDA itself takes."""
        of_gpu = [worker for place, worker in self._idle if place == gpu]
        for worker in of_gpu[1:]:
            self._idle.remove((gpu, worker))
            self._launcher.kill(worker)

    def _launch(self, lease: Lease) -> WorkerProcess:
        worker = self._launcher.launch(lease.env)
        with contextlib.suppress(OSError):  # a dead worker is seen when it has a job
            worker.connection.send(self._setup)
        return worker

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
            self._idle.append((busy.lease.gpu, busy.worker))
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
        self._idle.clear()

    def _end(self, busy: _Busy) -> None:
        del self._busy[busy.job.job_id]
        self.pool.release(busy.lease)


def _signal_name(number: int) -> str:
    """Such as SIGSEGV; real-time signals have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
