"""An executor on a simulated clock: fits are looked up, and take the seconds they once took."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.scheduling.devices.pool import DevicePool, Lease
from automl.scheduling.executor import (
    Done,
    ExecutorEvent,
    Failed,
    OneMachineExecutor,
    Pruned,
    Reported,
)
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup
from automl.trial.spec import FoldResult, Job, JobKey, TrialError
from automl.trial.worker_state import WorkerState
from benchmarks.portfolio.measured import Measured
from benchmarks.portfolio.stand_in import KEY
from benchmarks.portfolio.timeline import Span, Timeline

__all__ = ["Clock", "SimulatedExecutor", "Speeds"]


@dataclass(slots=True)
class Clock:
    """Seconds that are set, not measured."""

    now: float = 0.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now


@dataclass(frozen=True, slots=True)
class Speeds:
    """How long things take beside what was measured.

    Attributes:
        cpu_factor: Seconds of a fit, for each CPU second that was measured: above 1 for a slower
            machine, or as if the table had more rows.
        gpu_factor: Seconds of a net's fit on a GPU, for each second of it on a core.
        pack_share: A pack on a GPU takes the seconds of its longest fit, and this share of them
            for each further one. On cores a pack takes the sum of its fits, divided by its cores.
        handle_s: Seconds of the main process for each fit that ends: its record, its study, the
            next job. One after the other, whatever the number of cores. ``benchmarks.overhead``
            measured 4.9 ms with random search and 7.8 ms with TPE.
    """

    cpu_factor: float = 1.0
    gpu_factor: float = 0.5
    pack_share: float = 0.05
    handle_s: float = 0.005

    def pack_s(self, cpu_s: Sequence[float], lease: Lease) -> float:
        """Seconds of a fit, or of a pack of them, on leased devices."""
        needs_s = [self.cpu_factor * seconds for seconds in cpu_s]
        if lease.gpu is None:
            return sum(needs_s) / min(lease.n_cpus, len(needs_s))
        return self.gpu_factor * max(needs_s) * (1.0 + self.pack_share * (len(needs_s) - 1))


@dataclass(slots=True)
class _Pack:
    """Jobs on one lease."""

    jobs: Mapping[JobKey, Job]
    lease: Lease
    start_s: float
    running: set[JobKey]


@dataclass(slots=True)
class SimulatedExecutor(OneMachineExecutor):
    """Looks fits up in place of running them; a job's limits end it as they do in a search.

    A fit that needs longer than its limit fails with ``timeout`` there, although a real family
    would often return what it has by then. A pack ends as a whole.

    Attributes:
        fits: What was measured, by its key.
        run: Where predictions are written for the search to read.
        plan: The folds.
        pool: The devices.
        clock: Is moved on to the next report or end of a fit, or by the time-out of a poll.
        speeds: How long things take.
        timeline: What the devices did.
        immediate: Families whose fits take no time and need no worker.
        why_idle: Says why cores are free while the search waits.
    """

    fits: Mapping[str, Measured]
    run: RunDir
    plan: SplitPlan
    pool: DevicePool
    clock: Clock
    speeds: Speeds
    timeline: Timeline
    immediate: frozenset[str] = frozenset()
    why_idle: Callable[[], str] = lambda: "unknown"
    _queue: list[tuple[float, int, ExecutorEvent, _Pack]] = field(default_factory=list)
    _running: dict[JobKey, _Pack] = field(default_factory=dict)
    _asked_to_stop: set[JobKey] = field(default_factory=set)
    _n: int = 0

    def open(
        self,
        setup: TrialSetup,
        state: WorkerState | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nothing to open: no fit is run."""

    def is_immediate(self, job: Job) -> bool:
        """Whether its family reads no column."""
        return job.spec.family in self.immediate

    def submit(
        self, jobs: Sequence[Job], lease: Lease, modules: frozenset[str] = frozenset()
    ) -> None:
        """Queues the reports and the ends of fits."""
        now, on_gpu = self.clock.now, lease.gpu is not None
        if on_gpu and lease.gpu not in self.pool.gpus:
            raise ValueError(f"{jobs[0].job_id} got a GPU that is not there: {lease.gpu}")
        pack = _Pack({j.job_id: j for j in jobs}, lease, now, {j.job_id for j in jobs})
        encode_s = self.speeds.cpu_factor * sum(self._encode_s(job) for job in jobs)
        took_s = self.speeds.pack_s([self._fit_s(job) for job in jobs], lease)
        if self.is_immediate(jobs[0]):
            encode_s = took_s = 0.0
        limit_s = jobs[0].fit_limit_s(encode_s)
        is_late = limit_s is not None and took_s > limit_s
        ends_s = now + encode_s + (limit_s if is_late and limit_s is not None else took_s)
        for job in jobs:
            self._running[job.job_id] = pack
            self._asked_to_stop.discard(job.job_id)
            steps = self._of(job).steps[max(job.fold, 0)]
            for number, (step, score) in enumerate(steps, start=1):
                at = now + encode_s + took_s * number / (len(steps) + 1)
                if at < ends_s:
                    self._push(at, Reported(job.job_id, step, score), pack)
            if is_late:
                error = TrialError("timeout", f"killed after {limit_s:.1f} s", fold=job.fold)
                self._push(ends_s, Failed(job.job_id, error), pack)
            else:
                result = self._result(job, encode_s, took_s, len(jobs))
                self._push(ends_s, Done(job.job_id, result), pack)

    def poll(self, timeout_s: float) -> list[ExecutorEvent]:
        """What happens next, within the time-out; time passes."""
        start_s, free = self.clock.now, self.pool.free_cpus
        why = self.why_idle() if free and timeout_s else ""
        events = self._next(start_s + timeout_s)
        if not events:
            self.clock.now = max(self.clock.now, start_s + timeout_s)
        self.timeline.add_idle(why, free, start_s, self.clock.now)
        ends = sum(not isinstance(event, Reported) for event in events)
        self.clock.now += ends * self.speeds.handle_s
        return events

    def _next(self, until_s: float) -> list[ExecutorEvent]:
        """All that happens at the next time when something does."""
        found: list[ExecutorEvent] = []
        while self._queue and self._queue[0][0] <= until_s:
            at, _, event, pack = heapq.heappop(self._queue)
            if self._running.get(event.job_id) is not pack:  # it has ended before
                continue
            self.clock.now = max(self.clock.now, at)
            if isinstance(event, Reported) and event.job_id in self._asked_to_stop:
                event = Pruned(event.job_id, event.step)
            if not isinstance(event, Reported):
                self._end(pack, event, at)
            found.append(event)
            if not self._queue or self._queue[0][0] > self.clock.now:
                break
            until_s = self.clock.now
        return found

    def prune(self, job_id: JobKey) -> None:
        """The next report of the fit is its last."""
        self._asked_to_stop.add(job_id)

    def kill(self, job_id: JobKey, error: TrialError) -> None:
        """Ends a fit at once."""
        if job_id in self._running:
            self._push(self.clock.now, Failed(job_id, error), self._running[job_id])

    def stop(self) -> None:
        """Ends everything."""
        for pack in {id(pack): pack for pack in self._running.values()}.values():
            self._free(pack, self.clock.now)
        self._running.clear()
        self._queue.clear()

    def close(self) -> None:
        """Ends everything."""
        self.stop()

    def _end(self, pack: _Pack, event: ExecutorEvent, at: float) -> None:
        if isinstance(event, Done):
            self._write(pack.jobs[event.job_id])
        del self._running[event.job_id]
        pack.running.discard(event.job_id)
        if not pack.running:
            self._free(pack, at)

    def _free(self, pack: _Pack, at: float) -> None:
        gpu = None if pack.lease.gpu is None else pack.lease.gpu.index
        span = Span(tuple(pack.jobs), pack.start_s, at, pack.lease.n_cpus, gpu, pack.lease.share)
        self.timeline.spans.append(span)
        self.pool.release(pack.lease)

    def _push(self, at: float, event: ExecutorEvent, pack: _Pack) -> None:
        self._n += 1
        heapq.heappush(self._queue, (at, self._n, event, pack))

    def _of(self, job: Job) -> Measured:
        return self.fits[job.spec.params[KEY]]

    def _fit_s(self, job: Job) -> float:
        return float(self._of(job).seconds[max(job.fold, 0)])

    def _encode_s(self, job: Job) -> float:
        return float(self._of(job).encode_s[max(job.fold, 0)])

    def _result(self, job: Job, encode_s: float, took_s: float, n_members: int) -> FoldResult:
        measured, place = self._of(job), max(job.fold, 0)
        return FoldResult(
            fold=job.fold,
            score=float(measured.scores[place]),
            fit_s=took_s / n_members,
            predict_s=0.0,
            encode_s=encode_s / n_members,
            n_valid=len(self._rows(job)),
            model_mib=float(measured.size_mib[place]),
            predict_ms=float(measured.predict_ms[place]),
            n_members=n_members,
        )

    def _rows(self, job: Job) -> np.ndarray:
        every = np.arange(self.plan.n_rows)
        return every if job.fold == ALL_ROWS else np.asarray(self.plan.splits[job.fold].valid)

    def _write(self, job: Job) -> None:
        """The predictions, at the stages that the other folds chose: nothing is left to settle."""
        path = self.run.oof(job.spec.trial_id, job.fold)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, self._of(job).oof[self._rows(job)])
