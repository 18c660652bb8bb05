"""Runs jobs on an executor, for whoever has some: a search, a refit, the rerun of a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from automl.errors import StorageError
from automl.scheduling.devices.pool import Lease
from automl.scheduling.executor import Done, Executor, Failed, Progressed, Pruned, Unwritable
from automl.trial.spec import Job, JobKey

__all__ = ["JobRunner", "Lost", "RunnerEvent"]

MAX_ATTEMPTS = 3
TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else has killed the worker of a job, which should be submitted again."""

    job_id: JobKey


RunnerEvent: TypeAlias = Progressed | Done | Pruned | Failed | Lost


@dataclass(slots=True)
class JobRunner:
    """Starts jobs and tells how they end.

    A job whose worker was killed by somebody else is ``Lost``, and runs again when it is
    submitted again; the third loss is a failure.

    Attributes:
        executor: Where the jobs run.
        interrupted: Whether the user wants the end now.
        running: Jobs that were submitted and have not ended, by their id.
        losses: How often each job has lost its worker.
    """

    executor: Executor
    interrupted: Callable[[], bool] = lambda: False
    running: dict[JobKey, Job] = field(default_factory=dict)
    losses: dict[JobKey, int] = field(default_factory=dict)

    def submit(self, jobs: Sequence[Job], lease: Lease, modules: frozenset[str]) -> None:
        """Starts a job, or a pack of them: see ``Executor.submit``."""
        jobs = [replace(job, attempt=self.losses.get(job.job_id, 0)) for job in jobs]
        self.running.update({job.job_id: job for job in jobs})
        self.executor.submit(jobs, lease, modules)

    def poll(self, timeout_s: float) -> list[RunnerEvent]:
        """Waits at most so long for something to happen, and returns what did.

        Raises:
            StorageError: The disk is full, read-only or closed to us.
        """
        return [self._take(event) for event in self.executor.poll(timeout_s)]

    def run(self, start: Callable[[], None]) -> Iterator[list[RunnerEvent]]:
        """Runs jobs turn by turn until none is left, or the user wants the end.

        Args:
            start: Submits jobs that devices are free for; called at the beginning of each turn.

        Yields:
            What happened in a turn, which may be nothing.

        Raises:
            StorageError: The disk is full, read-only or closed to us.
        """
        while not self.interrupted():
            start()
            if not self.running:
                return
            yield self.poll(TURN_S)
        self.stop()

    def stop(self) -> None:
        """Ends all jobs at once, without an answer."""
        self.executor.stop()
        self.running.clear()

    def _take(self, event: Progressed | Done | Pruned | Failed | Unwritable) -> RunnerEvent:
        if isinstance(event, Progressed):
            return event
        if isinstance(event, Unwritable):
            raise StorageError(event.why)
        self.running.pop(event.job_id, None)
        if not isinstance(event, Failed) or event.error.kind != "killed":
            return event
        losses = self.losses[event.job_id] = self.losses.get(event.job_id, 0) + 1
        return Lost(event.job_id) if losses < MAX_ATTEMPTS else event
