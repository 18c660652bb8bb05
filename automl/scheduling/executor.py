"""The executor interface: how jobs are run and reported, and the contract of every executor."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from automl.plugin.context import Resources
from automl.scheduling.devices.capacity import Capacity
from automl.scheduling.devices.pool import BlockingResource, DevicePool, Lease
from automl.scheduling.devices.wait_reason import wait_reason
from automl.scheduling.thread_probe import ThreadProbe
from automl.trial.setup import TrialSetup
from automl.trial.spec import FoldResult, Job, JobKey, TrialError
from automl.trial.worker_state import WorkerState

__all__ = [
    "Done",
    "Ended",
    "Executor",
    "ExecutorEvent",
    "Failed",
    "OneMachineExecutor",
    "Pruned",
    "Reported",
    "StorageFull",
]


@dataclass(frozen=True, slots=True)
class Reported:
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
    """A fit stopped because it was asked to."""

    job_id: JobKey
    step: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A fit failed, crashed, or was killed."""

    job_id: JobKey
    error: TrialError


@dataclass(frozen=True, slots=True)
class StorageFull:
    """A fit ended because the disk is full or not writable: every other fit would, too.

    Attributes:
        job_id: The job; it counts as not run.
        why: The failed write, with its reason.
    """

    job_id: JobKey
    why: str


Ended: TypeAlias = Done | Pruned | Failed | StorageFull
ExecutorEvent: TypeAlias = Reported | Ended


class Executor(abc.ABC):
    """Runs the jobs of one search, which knows machines and processes only by this interface.

    A job is one fit: a trial on a fold. The search makes an executor, reads its ``capacity``, calls
    ``open`` once the data and the split plan are on disk, then leases devices, submits jobs on them
    and polls. ``close`` is the last call; ``preload`` may come at any time before it.

    **Inherit this class** and implement its abstract methods; the other methods are hints that do
    nothing by default. ``OneMachineExecutor`` implements the leases of a single machine.
    ``automl.testing.ExecutorTestCase`` tests this contract.

    **Ends.** Every submitted job ends exactly once, in a ``Done``, ``Pruned``, ``Failed`` or
    ``StorageFull`` that ``poll`` returns. Only jobs that run at ``stop`` or ``close`` get no end.
    The executor forgets a job that has ended: the search may submit the same id again to retry it.

    **Order.** ``poll`` returns the reports of a job (``Reported``) in the order in which the fit
    made them, all of them before the end of the job. Jobs have no order among each other.

    **Leases.** A lease holds devices of one node, which no other job gets meanwhile. The executor
    releases it when the last job submitted on it ends, before ``poll`` returns that end. The search
    releases a lease only if it submits nothing on it.

    **Files.** A job reads data and split plan from the run directory ``TrialSetup.run`` and writes
    its model and predictions to ``trials/`` there. When ``poll`` returns ``Done``, the search can
    read them. So all nodes must reach the run directory under one path, or the executor copies
    files. A job may run twice, for example if its node is lost: its folder appears whole, by one
    rename. ``automl.scheduling.job_outcomes.outcomes`` runs jobs; executors add where and when.

    **Limits.** A job carries durations, as clocks of machines differ: ``Job.end_s`` counts from
    ``submit``, ``encode_limit_s`` from the start of encoding, ``deadline_s`` from its end. A job
    that exceeds one fails with kind ``timeout``: killed at once, or, if the executor cannot kill,
    stopped at its next report. A job that holds more memory than ``Lease.limit_gib`` fails with
    kind ``oom``; an executor that cannot measure memory gives leases without a limit.

    **Lost workers and nodes.** If a worker dies, its jobs fail, each with its own ``Failed``, and
    no other job does. The kind is ``crash`` if the fit is the likely cause (a segmentation fault),
    and ``killed`` if it is not (SIGKILL, a lost node): the search submits a killed job again, at
    most three times in all. The executor gives no more leases on a lost node, but ``capacity``
    stays the same, as search spaces and budgets were derived from it. If no job can ever run
    again, ``poll`` raises an ``AutoMLError``: the search ends as after a crash and can be resumed.

    **Threads.** The search calls all methods from one thread, and none from within another one.
    ``open``, ``warm_up``, ``probe`` and ``close`` may take seconds and ``poll`` its timeout; all
    others return at once. An executor may run jobs within ``poll``, as ``inline`` does: its
    ``poll`` then takes as long as the job. It watches ``interrupted`` at reports, and returns
    without an end of the job when the user wants the search to finish.

    **Signals.** Ctrl-C is for the search alone. What an executor starts must survive it, and must
    end by itself if the search is killed.
    """

    @abc.abstractmethod
    def capacity(self) -> Capacity:
        """The devices for jobs, the same at every call, also before ``open``."""

    def preload(self, modules: Sequence[str]) -> None:  # noqa: B027
        """Starts to load libraries that later jobs import, and does not wait.

        A hint. A module that cannot be imported is not an error here: the fit that needs it fails.

        Args:
            modules: Such as ``lightgbm``.
        """

    @abc.abstractmethod
    def open(
        self,
        setup: TrialSetup,
        state: WorkerState | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Opens the run that all jobs belong to; its data and split plan are on disk.

        Args:
            setup: Goes to every worker. It can be pickled.
            state: The opened run in this process, if the search has it already.
            interrupted: Whether the user wants the search to finish now; for an executor that
                runs jobs within ``poll``.
        """

    def warm_up(self, n_workers: int) -> None:  # noqa: B027
        """Starts or ends idle workers until there are ``n_workers``, so that jobs start sooner."""

    def probe(self, probe: ThreadProbe, n_workers: int) -> float | None:
        """Runs the throughput probe on n workers side by side, while no job runs.

        Returns:
            Work units per second of all workers together; None if it was not measured.
        """
        return None

    @abc.abstractmethod
    def try_lease(self, need: Resources, holder: str = "") -> Lease | None:
        """Leases devices for a job on one node; None if they are not free now.

        If nothing runs, every need is met as far as possible: a job that wants more cores than any
        node has gets all cores of one, and runs on the CPU if there is no GPU.

        Args:
            need: Cores, memory, share and memory of a GPU.
            holder: Id of the trial, which ``wait_reason`` names to others.
        """

    @abc.abstractmethod
    def release(self, lease: Lease) -> None:
        """Takes back a lease on which no job was submitted."""

    @abc.abstractmethod
    def shortage(self, need: Resources) -> BlockingResource | None:
        """The resource without which ``try_lease`` would return None; None if it would succeed."""

    @abc.abstractmethod
    def wait_reason(self, need: Resources) -> str:
        """The reason why a job with this need cannot start; "" if it can.

        Text for the user that completes "lightgbm-3 waits for ...".
        """

    def is_immediate(self, job: Job) -> bool:
        """Whether a job needs no worker: it ends at the first ``poll(0)`` after ``submit``.

        With such jobs the search has a first model before any worker is ready. An executor without
        them returns False.
        """
        return False

    @abc.abstractmethod
    def submit(
        self, jobs: Sequence[Job], lease: Lease, modules: frozenset[str] = frozenset()
    ) -> None:
        """Starts a job, or a pack of jobs, on leased devices.

        Args:
            jobs: One job, or several of one family with the same limits, which the family fits
                as one program; each of them reports and ends on its own.
            lease: From ``try_lease``.
            modules: Libraries that the family imports.
        """

    @abc.abstractmethod
    def poll(self, timeout_s: float) -> list[ExecutorEvent]:
        """Waits for reports and ends of jobs, and returns them.

        Args:
            timeout_s: Longest wait; with 0 it returns what has happened already.

        Raises:
            AutoMLError: No job can ever run again.
        """

    @abc.abstractmethod
    def prune(self, job_id: JobKey) -> None:
        """Asks a job to stop at its next report, where it ends as ``Pruned``.

        It may end in another way before. Ids of jobs that do not run are ignored.
        """

    @abc.abstractmethod
    def kill(self, job_id: JobKey, error: TrialError) -> None:
        """Ends a job at once, as ``Failed`` with this error; other jobs of its pack continue.

        Ids of jobs that do not run are ignored.
        """

    @abc.abstractmethod
    def stop(self) -> None:
        """Ends all jobs at once, returns no end of them, and releases their leases.

        The search may submit other jobs afterwards.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Ends all jobs and workers. May be called twice, and without ``open``."""


class OneMachineExecutor(Executor):
    """The part of an executor that leases the devices of one machine.

    Attributes:
        pool: The devices.
    """

    pool: DevicePool

    def capacity(self) -> Capacity:
        """The capacity of the machine."""
        return Capacity((self.pool.node,))

    def try_lease(self, need: Resources, holder: str = "") -> Lease | None:
        """Leases devices for a job; None if they are not free now."""
        return self.pool.lease(need, holder)

    def release(self, lease: Lease) -> None:
        """Returns a lease."""
        self.pool.release(lease)

    def shortage(self, need: Resources) -> BlockingResource | None:
        """The resource without which ``try_lease`` would return None; None if it would succeed."""
        return self.pool.shortage(need)

    def wait_reason(self, need: Resources) -> str:
        """The reason why a job cannot start, with the free amount and the holders."""
        shortage = self.pool.shortage(need)
        return "" if shortage is None else wait_reason(self.pool, need, shortage)
