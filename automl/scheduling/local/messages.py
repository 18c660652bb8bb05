"""Messages over the pipe between the controller and a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from automl.scheduling.executor import Ended, Reported
from automl.trial.spec import Job, JobKey

__all__ = ["Encoded", "FromWorker", "Prune", "Ready", "Start"]


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has opened the data and waits for jobs."""

    pid: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """All folds of a worker's jobs are encoded, and fitting begins."""


@dataclass(frozen=True, slots=True)
class Start:
    """To a worker: run these jobs.

    Attributes:
        jobs: One job, or several fits of one family as a pack, each of which is answered.
        visible: GPU that the worker should see, as in ``CUDA_VISIBLE_DEVICES``.
    """

    jobs: tuple[Job, ...]
    visible: str = ""


@dataclass(frozen=True, slots=True)
class Prune:
    """To a worker: stop the fit of this job at its next report."""

    job_id: JobKey


FromWorker: TypeAlias = Ready | Encoded | Reported | Ended
