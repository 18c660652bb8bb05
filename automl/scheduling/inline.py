"""Runs fits in sequence in the process of the search: ``scheduler=inline``."""

from __future__ import annotations

import bdb
import contextlib
import importlib
import math
import platform
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from automl.config.schema import SchedulerConfig
from automl.errors import ConfigError
from automl.plugin.context import Resources
from automl.plugin.family import Report, TrialPruned
from automl.scheduling.devices.capacity import Capacity
from automl.scheduling.devices.cpus import available_cpus
from automl.scheduling.devices.pool import BlockingResource, DevicePool, Lease
from automl.scheduling.executor import (
    ExecutorEvent,
    Failed,
    OneMachineExecutor,
    Reported,
)
from automl.scheduling.immediate import ImmediateFits, without_memory
from automl.scheduling.job_outcomes import answer, outcomes, restored
from automl.trial.setup import TrialSetup
from automl.trial.spec import FoldResult, Job, JobKey, TrialError
from automl.trial.worker_state import WorkerState, open_worker_state

__all__ = ["InlineExecutor", "make_inline"]

NOTES = (
    "scheduler=inline runs one fit at a time in this process: a fit past its time limit stops "
    "only when it reports, and its memory is not limited",
)


def make_inline(scheduler: SchedulerConfig) -> InlineExecutor:
    """Makes the executor, by default for all cores of this machine.

    Raises:
        ConfigError: ``scheduler.gpus`` is set.
    """
    if scheduler.gpus:
        raise ConfigError(
            f"scheduler.gpus={scheduler.gpus}: inline fits only on the CPU, as one process cannot "
            "see a different GPU for each fit. Leave scheduler.gpus out, or choose scheduler=local"
        )
    return InlineExecutor(scheduler.cpus or available_cpus())


class InlineExecutor(OneMachineExecutor):
    """Runs one job after another within ``poll``, on the thread of the search.

    A breakpoint in a family stops there, and a traceback leads from the search to the fit. A
    single process has limitations:

    - **Limits of time**: a fit that is past its limit when it reports stops there and fails with
      kind ``timeout``. A fit that never reports runs to its end, and its result counts.
    - **Pruning**: the search reads the reports of a fit after its end, so that pruning saves no
      time within a fit. The search records a rejected fold as not done, as with any executor.
    - **Ctrl-C** stops the running fit at its next report, without an end; a second one at once.
    - **Memory** has no limit, and a fit that crashes ends the search, which can be resumed.

    Args:
        n_cpus: Cores of this machine. A fit has as many threads as its lease has cores.
        clock: Returns seconds, for the limits.
    """

    def __init__(self, n_cpus: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.pool = DevicePool(n_cpus, name=platform.node())
        self._clock = clock
        self._queue: deque[_Pack] = deque()
        self._ended: list[ExecutorEvent] = []
        self._to_prune: set[JobKey] = set()

    def capacity(self) -> Capacity:
        """One node that runs one job at a time."""
        return Capacity((replace(self.pool.node, max_jobs=1),), NOTES)

    def open(
        self,
        setup: TrialSetup,
        state: WorkerState | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Opens the run in this process, unless it is open."""
        self._state, self._interrupted = state or open_worker_state(setup), interrupted
        self._immediate = ImmediateFits(self._state)

    def shortage(self, need: Resources) -> BlockingResource | None:
        """Cores, while another job runs."""
        return BlockingResource.CORES if self.pool.leases else None

    def try_lease(self, need: Resources, holder: str = "") -> Lease | None:
        """Leases cores; None while another job runs."""
        return None if self.pool.leases else self.pool.lease(need, holder)

    def wait_reason(self, need: Resources) -> str:
        """The job that must end first."""
        holders = [lease.holder or "another fit" for lease in self.pool.leases]
        return f"its turn after {holders[0]}: one fit runs at a time" if holders else ""

    def is_immediate(self, job: Job) -> bool:
        """Whether a job reads no column."""
        return self._immediate.takes(job)

    def submit(
        self, jobs: Sequence[Job], lease: Lease, modules: frozenset[str] = frozenset()
    ) -> None:
        """Queues a job, or a pack of them, for the next ``poll``."""
        now = self._clock()
        ends = [now + job.end_s for job in jobs if job.end_s is not None]
        self._queue.append(
            _Pack({j.job_id: j for j in jobs}, lease, modules, min([*ends, math.inf]))
        )

    def poll(self, timeout_s: float) -> list[ExecutorEvent]:
        """Runs the next job to its end, whatever the timeout.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed twice, or a debugger was left.
        """
        events, self._ended = self._ended, []
        if events:
            return events
        if self._queue and not self._interrupted():
            return self._run(self._queue[0])
        return []

    def _run(self, pack: _Pack) -> list[ExecutorEvent]:
        jobs, events = tuple(pack.jobs.values()), list[ExecutorEvent]()
        with restored(), _threads(jobs[0].n_threads, pack.modules):
            watch = _Watch(pack, self._to_prune, self._clock, self._interrupted)
            for job, outcome in _each(jobs, self._state, watch):
                if watch.is_interrupted and not isinstance(outcome, FoldResult):
                    continue  # as if it had not started: the search ends it by stop()
                events.append(watch.ended(job, outcome))
                del pack.jobs[job.job_id]
                self._to_prune.discard(job.job_id)
        if not pack.jobs:
            self._queue.remove(pack)
            self.release(pack.lease)
        over = {job.job_id for job in jobs} - pack.jobs.keys()
        return [*(r for r in watch.reports if r.job_id in over), *events]

    def prune(self, job_id: JobKey) -> None:
        """Makes a queued job stop at its first report."""
        if any(job_id in pack.jobs for pack in self._queue):
            self._to_prune.add(job_id)

    def kill(self, job_id: JobKey, error: TrialError) -> None:
        """Removes a job from the queue."""
        for pack in [p for p in self._queue if job_id in p.jobs]:
            del pack.jobs[job_id]
            self._ended.append(Failed(job_id, error))
            if not pack.jobs:
                self._queue.remove(pack)
                self.release(pack.lease)

    def stop(self) -> None:
        """Empties the queue."""
        for pack in self._queue:
            self.release(pack.lease)
        self._queue.clear()
        self._ended.clear()
        self._to_prune.clear()

    def close(self) -> None:
        """Empties the queue."""
        self.stop()


@dataclass(eq=False, slots=True)
class _Pack:
    """Jobs that are fitted together, with the time by which they must have ended."""

    jobs: dict[JobKey, Job]
    lease: Lease
    modules: frozenset[str]
    end: float


@dataclass(slots=True)
class _Watch:
    """Keeps the reports of running jobs, and stops them at a report after their limit.

    Attributes:
        is_interrupted: Whether they were stopped because the user wants the search to finish.
        error: Why they were stopped otherwise.
    """

    pack: _Pack
    to_prune: set[JobKey]
    clock: Callable[[], float]
    interrupted: Callable[[], bool]
    reports: list[Reported] = field(default_factory=list)
    is_interrupted: bool = False
    error: TrialError | None = None
    _last_step: dict[JobKey, int] = field(default_factory=dict)
    _since: float = 0.0
    _due: float = math.inf

    def __post_init__(self) -> None:
        self._limit(next(iter(self.pack.jobs.values())).encode_limit_s)

    def _limit(self, seconds: float | None) -> None:
        self._since = self.clock()
        self._due = min(self.pack.end, math.inf if seconds is None else self._since + seconds)

    def encoded(self) -> None:
        """Starts the time limit of the fit."""
        self._check("its fold was not encoded in time")
        self._limit(next(iter(self.pack.jobs.values())).deadline_s)

    def of(self, job: Job) -> Report:
        """The report function of a job."""
        return lambda step, score: self._report(job.job_id, step, score)

    def _report(self, job_id: JobKey, step: int, score: float) -> None:
        self.reports.append(Reported(job_id, step, score))
        self._last_step[job_id] = step
        self._check("it was past its limit when it reported")
        if job_id in self.to_prune:
            raise TrialPruned

    def _check(self, late: str) -> None:
        self.is_interrupted |= self.interrupted()
        if self.error is None and self.clock() >= self._due:
            seconds = self.clock() - self._since
            self.error = TrialError("timeout", f"stopped after {seconds:.1f} s: {late}")
        if self.is_interrupted or self.error is not None:
            raise TrialPruned

    def ended(self, job: Job, outcome: FoldResult | BaseException) -> ExecutorEvent:
        """The end of a job."""
        if self.error is not None and not isinstance(outcome, FoldResult):
            return Failed(job.job_id, replace(self.error, fold=job.fold))
        return without_memory(answer(job, outcome, self._last_step.get(job.job_id, 0)))


def _each(
    jobs: Sequence[Job], state: WorkerState, watch: _Watch
) -> Iterator[tuple[Job, FoldResult | BaseException]]:
    """Runs jobs; an error that ends all of them is yielded for each unfinished one."""
    left = {job.job_id: job for job in jobs}
    try:
        for job, outcome in outcomes(jobs, state, watch.of, watch.encoded):
            del left[job.job_id]
            yield job, outcome
    except (GeneratorExit, KeyboardInterrupt):
        raise
    except bdb.BdbQuit:
        raise KeyboardInterrupt from None
    except BaseException as error:  # a plugin may raise SystemExit as well
        for job in left.values():
            yield job, error


@contextlib.contextmanager
def _threads(n_threads: int, modules: frozenset[str]) -> Iterator[None]:
    """Loads a fit's imports, and sets the thread pools of native libraries while it runs."""
    from threadpoolctl import threadpool_limits

    for module in modules:
        with contextlib.suppress(Exception):  # the fit reports the error
            importlib.import_module(module)
    torch = sys.modules.get("torch")
    before = None if torch is None else torch.get_num_threads()
    with threadpool_limits(limits=n_threads):
        try:
            if torch is not None:
                torch.set_num_threads(n_threads)
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)
