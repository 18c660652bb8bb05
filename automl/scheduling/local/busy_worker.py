"""A worker with its jobs and their time limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from automl.scheduling.devices.pool import Lease
from automl.scheduling.local.launcher import WorkerProcess
from automl.scheduling.local.memory_guard import MemoryUse
from automl.trial.spec import Job, JobKey

__all__ = ["BusyWorker"]


@dataclass(eq=False, slots=True)
class BusyWorker:
    """A worker with the jobs that it has not answered yet.

    Attributes:
        jobs: The jobs by id.
        lease: Their devices.
        worker: The process.
        memory_use: Its memory.
        due: Time by the executor's clock at which it is killed in any case; may be infinite.
        limit_s: Longest time of the current phase in seconds; may be infinite.
        since: Time by the executor's clock at which the phase began.
        is_fitting: Whether its folds are encoded.
        dropped: Ids of jobs that were ended, while others of their pack continue.
        has_failed: Whether one of its jobs has failed.
    """

    jobs: dict[JobKey, Job]
    lease: Lease
    worker: WorkerProcess
    memory_use: MemoryUse
    due: float
    limit_s: float
    since: float
    is_fitting: bool = False
    dropped: set[JobKey] = field(default_factory=set)
    has_failed: bool = False

    @property
    def deadline(self) -> float:
        """Time at which it is killed."""
        return min(self.due, self.since + self.limit_s)

    @property
    def why_late(self) -> str:
        """The reason, for the user, if the job is killed at its deadline."""
        late = "it did not stop at its deadline" if self.is_fitting else "its fold was not encoded"
        return f"killed after {self.deadline - self.since:.1f} s: {late}"

    def begin_fit(self, at: float) -> None:
        """Starts the time limit of the fit: the folds were encoded at time ``at``."""
        limit_s = next(iter(self.jobs.values())).deadline_s
        self.since, self.is_fitting = at, True
        self.limit_s = math.inf if limit_s is None else limit_s

    @property
    def wanted(self) -> list[Job]:
        """The jobs that were not dropped."""
        return [job for job_id, job in self.jobs.items() if job_id not in self.dropped]
