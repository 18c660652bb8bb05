"""The executor: where jobs run, what it reports, and the contract that every executor keeps."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from automl.plugin.context import Resources
from automl.scheduling.devices.capacity import Capacity
from automl.scheduling.devices.pool import DevicePool, Lease, Shortage
from automl.scheduling.devices.wait_reason import explain
from automl.scheduling.thread_probe import Probe
from automl.trial.setup import TrialSetup
from automl.trial.spec import FoldResult, Job, JobKey, TrialError
from automl.trial.worker_state import Workbench

__all__ = [
    "Done",
    "Ended",
    "Executor",
    "Failed",
    "Happening",
    "OneMachineExecutor",
    "Progressed",
    "Pruned",
    "Unwritable",
]


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


Ended: TypeAlias = Done | Pruned | Failed | Unwritable
Happening: TypeAlias = Progressed | Ended


class Executor(abc.ABC):
    """Runs the jobs of one search; the search knows nothing else of machines and processes.

    A job is one fit: a trial on a fold. The search makes an executor, asks it for its
    ``capacity``, calls ``open`` once, and from then on leases devices, submits jobs on them and
    polls for what happens; ``close`` is the last call. ``preload`` may come at any time before.

    **Inherit this class** and implement its abstract methods; the others do nothing unless you
    override them. ``OneMachineExecutor`` implements those that lease devices, for one machine.
    ``automl.testing.ExecutorTestCase`` tests the whole contract.

    **Ends.** Every submitted job ends in exactly one ``Done``, ``Pruned``, ``Failed`` or
    ``Unwritable``, which ``poll`` returns once. Two exceptions: jobs that run at ``stop`` or
    ``close`` end without one. After its end a job is forgotten, and its id may be submitted
    again: the search retries a fit under the same id.

    **Order.** Reports of a job (``Progressed``) come in the order they were made, before its end,
    and none comes after. Nothing is promised about the order between jobs.

    **Leases.** ``try_lease`` gives devices of one node. The executor takes a lease back by itself
    when the last job that was submitted on it has ended, before ``poll`` returns that end. The
    search releases only leases on which it submits nothing. A lease that is held is not given out
    again.

    **Files.** A job reads the data and the split plan of the run directory, ``TrialSetup.run``, and
    writes predictions and model into ``trials/`` there. ``Done`` promises that they can be read
    under this path by the search. So every node must reach the run directory under the same path,
    or the executor copies the files. ``automl.trial.execute.run_pack`` and
    ``automl.trial.refit.refit_job`` are the only code that runs jobs; a fit with an end of its own
    may be run twice, and its folder appears whole, by one rename.

    **Limits.** A job carries durations, never times of day, as clocks of machines differ:
    ``Job.end_s`` seconds from ``submit``, ``encode_limit_s`` from when it starts to encode,
    ``deadline_s`` from when its fold is encoded. A job that is beyond one ends as ``Failed`` with
    kind ``timeout``. An executor that cannot kill ends it at its next report. So it is with
    ``Lease.limit_gib`` and kind ``oom``; an executor that cannot measure memory gives leases an
    infinite limit.

    **Lost workers and nodes.** What ends a job from outside ends it alone: as ``Failed`` with kind
    ``crash`` where the fit itself is likely to blame (a segmentation fault), and ``killed`` where
    it is not (SIGKILL, a node that is gone). The search tries a killed job again, at most three
    times in all. All jobs of a lost node end so, each with its own ``Failed``; leases are no longer
    given there. ``capacity`` stays as it was: search spaces were derived from it. An executor that
    can run no job at all any more raises an ``AutoMLError`` from ``poll``: the search ends as after
    a crash, and can be resumed.

    **Threads and blocking.** All methods are called from one thread, and never within one another.
    ``open``, ``warm_up``, ``probe`` and ``close`` may take seconds, ``poll`` at most its timeout.
    All others return at once. ``inline``, which runs a job within ``poll``, is the exception: its
    ``poll`` returns when the job has ended.

    **Signals.** Ctrl-C is for the search alone. What an executor starts must survive it, and must
    end by itself when the search is killed.
    """

    @abc.abstractmethod
    def capacity(self) -> Capacity:
        """The devices for jobs, the same at every call, also before ``open``."""

    def preload(self, modules: Sequence[str]) -> None:  # noqa: B027
        """Has libraries loaded, without waiting, that jobs to come will import.

        A hint: it may be ignored, and a module that cannot be imported is no error here.

        Args:
            modules: Such as ``lightgbm``.
        """

    @abc.abstractmethod
    def open(
        self,
        setup: TrialSetup,
        bench: Workbench | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Tells which run the jobs belong to; its data and split plan are on disk.

        Args:
            setup: Goes to every worker. It can be pickled.
            bench: The opened run in this process, where the search has it already.
            interrupted: Whether the user wants the search to finish now, for an executor that
                runs jobs within ``poll``.
        """

    def warm_up(self, n_workers: int) -> None:  # noqa: B027
        """Starts or ends workers until there are so many, before the first job that needs one."""

    def probe(self, probe: Probe, n_workers: int) -> float | None:
        """Runs the throughput probe on n workers side by side, while no job runs.

        Returns:
            Work units per second of all together; None if it is not known.
        """
        return None

    @abc.abstractmethod
    def try_lease(self, need: Resources, holder: str = "") -> Lease | None:
        """Leases what a job needs on one node, or None when it is not free now.

        Where nothing at all runs, any need is met as far as there are devices: a job that wants
        more cores than a node has gets all of one, and without any GPU it runs on the CPU.

        Args:
            need: Cores, memory, share and memory of a GPU.
            holder: Who it is for, such as the id of a trial; for ``wait_reason`` of others.
        """

    @abc.abstractmethod
    def release(self, lease: Lease) -> None:
        """Gives back a lease on which no job was submitted."""

    @abc.abstractmethod
    def shortage(self, need: Resources) -> Shortage | None:
        """What ``try_lease`` would lack; None when it would succeed."""

    @abc.abstractmethod
    def wait_reason(self, need: Resources) -> str:
        """What a job with this need waits for, as text for the user; "" when it can start.

        It completes the sentence "lightgbm-3 waits for ...".
        """

    def is_immediate(self, job: Job) -> bool:
        """Whether a job needs no worker: once submitted, it has ended at the next ``poll(0)``.

        So the search gets a first model before any worker is ready. False is always right.
        """
        return False

    @abc.abstractmethod
    def submit(
        self, jobs: Sequence[Job], lease: Lease, modules: frozenset[str] = frozenset()
    ) -> None:
        """Starts a job, or a pack of them, on leased devices.

        Args:
            jobs: One, or several of one family with the same limits that are fitted as one
                program; each of them reports and ends on its own.
            lease: From ``try_lease``; it comes back when the last of them has ended.
            modules: Libraries that their family imports.
        """

    @abc.abstractmethod
    def poll(self, timeout_s: float) -> list[Happening]:
        """Waits until something happens, and returns it.

        Args:
            timeout_s: The longest wait; 0 returns what has happened.

        Raises:
            AutoMLError: No job can be run any more.
        """

    @abc.abstractmethod
    def prune(self, job_id: JobKey) -> None:
        """Asks a job to stop at its next report; it then ends as ``Pruned``.

        It may end in another way first. A job that does not run, or not any more, is ignored.
        """

    @abc.abstractmethod
    def kill(self, job_id: JobKey, error: TrialError) -> None:
        """Ends a job at once, as ``Failed`` with this error; the others of its pack go on.

        A job that does not run, or not any more, is ignored.
        """

    @abc.abstractmethod
    def stop(self) -> None:
        """Ends all jobs at once, without an end of each, and takes their leases back.

        Other jobs may be submitted afterwards.
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
        """The one machine."""
        return Capacity((self.pool.node,))

    def try_lease(self, need: Resources, holder: str = "") -> Lease | None:
        """Leases what a job needs, or None when it is not free now."""
        return self.pool.lease(need, holder)

    def release(self, lease: Lease) -> None:
        """Gives back a lease."""
        self.pool.release(lease)

    def shortage(self, need: Resources) -> Shortage | None:
        """What ``try_lease`` would lack; None when it would succeed."""
        return self.pool.shortage(need)

    def wait_reason(self, need: Resources) -> str:
        """What a job waits for, who holds it, and what is free."""
        shortage = self.pool.shortage(need)
        return "" if shortage is None else explain(self.pool, need, shortage)
