"""A worker that has jobs, and how long it may take over what it is at."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from automl.scheduling.devices.pool import Lease
from automl.scheduling.local.launcher import WorkerProcess
from automl.scheduling.local.memory_guard import Footprint
from automl.trial.spec import Job, JobKey

__all__ = ["Busy"]


@dataclass(eq=False, slots=True)
class Busy:
    """A worker with its jobs: those that it has not answered yet, and of them those given up.

    Attributes:
        jobs: By id.
        lease: Their devices.
        worker: The process.
        footprint: The memory it holds.
        due: Time of the executor at which it is killed whatever it is at; may be infinite.
        limit_s: Seconds that what it is at may take; may be infinite.
        since: Time of the executor at which it began with that.
        is_fitting: Whether its folds are encoded.
        dropped: Ids of jobs that were given up.
        has_failed: Whether one of its jobs has failed.
    """

    jobs: dict[JobKey, Job]
    lease: Lease
    worker: WorkerProcess
    footprint: Footprint
    due: float
    limit_s: float
    since: float
    is_fitting: bool = False
    dropped: set[JobKey] = field(default_factory=set)
    has_failed: bool = False

    @property
    def deadline(self) -> float:
        """When it is killed."""
        return min(self.due, self.since + self.limit_s)

    @property
    def why_late(self) -> str:
        """The reason, for the user, if the job is killed at its deadline."""
        late = "it did not stop at its deadline" if self.is_fitting else "its fold was not encoded"
        return f"killed after {self.deadline - self.since:.1f} s: {late}"

    def begin_fit(self, at: float) -> None:
        """Its folds are encoded at that time: the limit of the fit begins."""
        limit_s = next(iter(self.jobs.values())).deadline_s
        self.since, self.is_fitting = at, True
        self.limit_s = math.inf if limit_s is None else limit_s

    @property
    def wanted(self) -> list[Job]:
        """Those that were not given up."""
        return [job for job_id, job in self.jobs.items() if job_id not in self.dropped]
