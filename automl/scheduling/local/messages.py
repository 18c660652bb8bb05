"""What goes over the pipe between the controller and a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from automl.trial.spec import FoldResult, Job, JobKey, TrialError

__all__ = [
    "Done",
    "Encoded",
    "Ended",
    "Failed",
    "FromWorker",
    "Progressed",
    "Prune",
    "Pruned",
    "Ready",
    "Start",
    "Unwritable",
]


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has opened the data and waits for jobs."""

    pid: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """All folds of a worker's jobs are encoded, and fitting begins."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """A fit reported a validation score."""

    job_id: JobKey
    step: int
    score: float


@dataclass(frozen=True, slots=True)
class Done:
    """A fit is finished and its files are on disk."""

    job_id: JobKey
    result: FoldResult


@dataclass(frozen=True, slots=True)
class Pruned:
    """A fit stopped because it was told to."""

    job_id: JobKey
    step: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A fit failed, crashed, or was killed."""

    job_id: JobKey
    error: TrialError


@dataclass(frozen=True, slots=True)
class Unwritable:
    """A fit ended because the disk is full, read-only or closed: so would every other.

    Attributes:
        job_id: The job; it counts as not run.
        why: What could not be written, and why.
    """

    job_id: JobKey
    why: str


@dataclass(frozen=True, slots=True)
class Start:
    """To a worker: run these jobs.

    Attributes:
        jobs: One job, or several fits of one family as a pack, each of which is answered.
        due: ``time.monotonic()`` at which they will be killed whatever they are at, which counts
            alike in all processes of a machine; infinite for never.
        visible: The GPU that the worker is to see, as in ``CUDA_VISIBLE_DEVICES``.
    """

    jobs: tuple[Job, ...]
    due: float
    visible: str = ""


@dataclass(frozen=True, slots=True)
class Prune:
    """To a worker: the fit of this job is to stop at its next report."""

    job_id: JobKey


Ended: TypeAlias = Done | Pruned | Failed | Unwritable
FromWorker: TypeAlias = Ready | Encoded | Progressed | Ended
