"""A launcher that shows its workers, and which of them runs what."""

from collections.abc import Collection, Mapping
from typing import Any

from automl.scheduling.executor import Reported
from automl.scheduling.local.launcher import Launcher, WorkerProcess
from automl.scheduling.local.messages import Encoded, Ready, Start
from automl.scheduling.thread_probe import ProbeResult
from automl.trial.spec import JobKey


class WatchedConnection:
    """Notes the jobs that a worker was sent and has not answered."""

    def __init__(self, worker: WorkerProcess, worker_of: dict[JobKey, WorkerProcess]) -> None:
        self.worker, self.connection, self.worker_of = worker, worker.connection, worker_of
        self.unanswered: set[JobKey] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def send(self, message: Any) -> None:
        if isinstance(message, Start):
            job_ids = [job.job_id for job in message.jobs]
            self.unanswered.update(job_ids)
            self.worker_of.update(dict.fromkeys(job_ids, self.worker))
        self.connection.send(message)

    def recv(self) -> Any:
        message = self.connection.recv()
        if not isinstance(message, Ready | Encoded | Reported | ProbeResult):
            self.unanswered.discard(message.job_id)
        return message


class WatchedLauncher:
    """Starts workers by another launcher.

    Attributes:
        workers: All that were started.
        killed: Those that it was asked to end.
        worker_of: The worker to which a job was sent last.
    """

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.workers: list[WorkerProcess] = []
        self.killed: list[WorkerProcess] = []
        self.worker_of: dict[JobKey, WorkerProcess] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.launcher, name)

    def launch(
        self, env: Mapping[str, str], modules: Collection[str] | None = None
    ) -> WorkerProcess:
        worker = self.launcher.launch(env, modules)
        worker.connection = WatchedConnection(worker, self.worker_of)
        self.workers.append(worker)
        return worker

    def kill(self, worker: WorkerProcess) -> None:
        self.killed.append(worker)
        self.launcher.kill(worker)

    def running(self) -> dict[JobKey, WorkerProcess]:
        """The jobs of living workers, without answer so far."""
        alive = [w for w in self.workers if w.exit_status is None and w not in self.killed]
        return {job_id: worker for worker in alive for job_id in worker.connection.unanswered}

    def kill_all(self) -> None:
        """Ends its workers, and not those of others who share the launcher."""
        for worker in self.workers:
            if worker not in self.killed:
                self.kill(worker)
