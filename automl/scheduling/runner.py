"""Runs jobs on an executor for a search, a refit or a rerun; counts lost workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from automl.errors import StorageError
from automl.scheduling.devices.pool import Lease
from automl.scheduling.executor import Done, Executor, Failed, Pruned, Reported, StorageFull
from automl.trial.spec import Job, JobKey

__all__ = ["JobRunner", "RunnerEvent", "WorkerLost"]

MAX_ATTEMPTS = 3
TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker of a job was killed from outside; the job should be submitted again."""

    job_id: JobKey


RunnerEvent: TypeAlias = Reported | Done | Pruned | Failed | WorkerLost


@dataclass(slots=True)
class JobRunner:
    """Starts jobs and returns how they ended.

    A job whose worker was killed from outside is ``WorkerLost``, and can be submitted again; the
    third loss is a failure.

    Attributes:
        executor: The executor of the jobs.
        interrupted: Whether the user wants the search to finish now.
        running: Submitted jobs that have not ended, by their id.
        losses: Number of lost workers of each job.
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
        """Waits at most ``timeout_s`` for events, and returns them.

        Raises:
            StorageError: The disk is full or read-only, or writing is not permitted.
        """
        return [self._take(event) for event in self.executor.poll(timeout_s)]

    def run(self, start: Callable[[], None]) -> Iterator[list[RunnerEvent]]:
        """Runs jobs turn by turn until none is left, or the user wants the search to finish.

        Args:
            start: Submits jobs for free devices; called at the start of each turn.

        Yields:
            The events of a turn, possibly none.

        Raises:
            StorageError: The disk is full or read-only, or writing is not permitted.
        """
        while not self.interrupted():
            start()
            if not self.running:
                return
            yield self.poll(TURN_S)
        self.stop()

    def stop(self) -> None:
        """Ends all jobs at once, without results."""
        self.executor.stop()
        self.running.clear()

    def _take(self, event: Reported | Done | Pruned | Failed | StorageFull) -> RunnerEvent:
        if isinstance(event, Reported):
            return event
        if isinstance(event, StorageFull):
            raise StorageError(event.why)
        self.running.pop(event.job_id, None)
        if not isinstance(event, Failed) or event.error.kind != "killed":
            return event
        losses = self.losses[event.job_id] = self.losses.get(event.job_id, 0) + 1
        return WorkerLost(event.job_id) if losses < MAX_ATTEMPTS else event
