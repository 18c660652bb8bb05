"""Keeps idle workers warm, each with the devices that it sees."""

from __future__ import annotations

import contextlib
import time

from automl.scheduling.devices.pool import Gpu, Lease
from automl.scheduling.local.launcher import Launcher, WorkerProcess
from automl.scheduling.local.messages import FromWorker, Ready
from automl.scheduling.thread_probe import ProbeResult, ThreadProbe
from automl.trial.setup import TrialSetup

__all__ = ["WorkerPool"]

PROBE_PATIENCE_S = 10.0  # workers may still be opening the data


class WorkerPool:
    """Idle workers, and new ones if none fits.

    Args:
        setup: First message to every worker.
        launcher: Starts and ends worker processes.
    """

    def __init__(self, setup: TrialSetup, launcher: Launcher) -> None:
        self._setup, self._launcher = setup, launcher
        self._idle: list[tuple[Gpu | None, WorkerProcess]] = []

    @property
    def idle(self) -> list[WorkerProcess]:
        """Workers without a job."""
        return [worker for _, worker in self._idle]

    def warm_up(self, n_workers: int) -> None:
        """Starts or ends workers until there are ``n_workers``; they open the data at once."""
        for _ in range(n_workers - len(self._idle)):
            self._idle.append((None, self._launch(Lease(0))))
        while len(self._idle) > n_workers:
            self._launcher.kill(self._idle.pop()[1])

    def acquire(self, lease: Lease, modules: frozenset[str]) -> WorkerProcess:
        """An idle worker that sees these devices, or a new one.

        An idle worker that would have to import modules that the launcher loads is replaced:
        forking takes milliseconds, the import seconds.

        Args:
            lease: The devices.
            modules: Imports of its job.
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
        return self._launch(lease, modules)

    def release(self, worker: WorkerProcess, lease: Lease) -> None:
        """Takes back a worker whose jobs have ended."""
        self._idle.append((lease.gpu, worker))

    def probe(self, probe: ThreadProbe, n_workers: int) -> float | None:
        """Runs the throughput probe on the first n workers.

        Returns:
            Total operations per second; None if one did not answer. Then all workers are killed, so
            that a late answer is not mistaken for one to a job.
        """
        workers = self.idle[:n_workers]
        due = time.monotonic() + probe.seconds + PROBE_PATIENCE_S
        try:
            for worker in workers:
                worker.connection.send(probe)
            return sum(_probed(worker, due) for worker in workers)
        except (EOFError, OSError):
            self.warm_up(0)
            return None

    def _clear(self, gpu: Gpu | None) -> None:
        """Keeps one idle worker of a GPU, as CUDA uses some of its memory in each."""
        of_gpu = [worker for place, worker in self._idle if place == gpu]
        for worker in of_gpu[1:]:
            self._idle.remove((gpu, worker))
            self._launcher.kill(worker)

    def _launch(self, lease: Lease, modules: frozenset[str] | None = None) -> WorkerProcess:
        worker = self._launcher.launch(lease.env, modules)
        with contextlib.suppress(OSError):  # a dead worker is noticed when it has a job
            worker.connection.send(self._setup)
        return worker


def _probed(worker: WorkerProcess, due: float) -> float:
    """A worker's answer to a probe.

    Raises:
        OSError: It does not answer in time, or has ended (EOFError).
    """
    while worker.connection.poll(max(0.0, due - time.monotonic())):
        message: FromWorker | ProbeResult = worker.connection.recv()
        if isinstance(message, ProbeResult):
            return message.rate
        if isinstance(message, Ready):
            worker.pid = message.pid
    raise TimeoutError
