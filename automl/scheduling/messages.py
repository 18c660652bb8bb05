"""What goes over the pipe between the controller and a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from automl.trial.spec import FoldResult, Job, TrialError

__all__ = ["Done", "Failed", "FromWorker", "Progressed", "Prune", "Pruned", "Ready", "Start"]


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has opened the data and waits for jobs."""

    pid: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """A fit reported a validation score."""

    job_id: str
    step: int
    score: float


@dataclass(frozen=True, slots=True)
class Done:
    """A fit is finished and its files are on disk."""

    job_id: str
    result: FoldResult


@dataclass(frozen=True, slots=True)
class Pruned:
    """A fit stopped because it was told to."""

    job_id: str
    step: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A fit failed, crashed, or was killed."""

    job_id: str
    error: TrialError


@dataclass(frozen=True, slots=True)
class Start:
    """To a worker: run this job.

    Attributes:
        job: The job.
        due: ``time.monotonic()`` at which it will be killed, which counts alike in all processes
            of a machine; infinite for never.
        visible: The GPU that the worker is to see, as in ``CUDA_VISIBLE_DEVICES``.
    """

    job: Job
    due: float
    visible: str = ""


@dataclass(frozen=True, slots=True)
class Prune:
    """To a worker: the fit of this job is to stop at its next report."""

    job_id: str


FromWorker: TypeAlias = Ready | Progressed | Done | Pruned | Failed
