"""Runs a search on what was measured: its decisions are real, its fits are looked up.

    python -m benchmarks.portfolio.replay --store measured --time 60

Minutes of searching pass in seconds, and without noise: two ways to decide can be compared on many
tables. Every family has its measured candidates for a portfolio and is exhausted after them. The
clock of the search goes from one end of a fit to the next; what the search itself computes takes
no time of it.
"""

from __future__ import annotations

import argparse
import heapq
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from automl.config.compose import compose_config
from automl.config.schema import SearchConfig
from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.events import TrialFinished
from automl.metrics import get_metric
from automl.plugin.task import Task
from automl.registry import load_registry
from automl.scheduling.devices.capacity import Capacity
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
from automl.tuning.lifecycle.build import build_search
from automl.tuning.problem.problem import Problem, make_trial_setup
from benchmarks.portfolio.measured import Measured, MeasuredTable, read_table
from benchmarks.portfolio.stand_in import dataset_of, families_of, plan_of

__all__ = ["Replay", "main", "replay"]

START_S = 1.5
"""Seconds until the first fit starts: reading the table, forking workers."""


@dataclass(slots=True)
class Clock:
    """Seconds that are set, not measured."""

    now: float = 0.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now


@dataclass(slots=True)
class ReplayExecutor(OneMachineExecutor):
    """Looks fits up in place of running them.

    Attributes:
        table: What was measured.
        run: Where predictions are written for the search to read.
        plan: The folds.
        pool: The devices.
        clock: Is moved on to the next report or end of a fit.
    """

    table: MeasuredTable
    run: RunDir
    plan: SplitPlan
    pool: DevicePool
    clock: Clock
    _queue: list[tuple[float, int, ExecutorEvent]] = field(default_factory=list)
    _running: dict[str, tuple[Job, Lease]] = field(default_factory=dict)
    _asked_to_stop: set[str] = field(default_factory=set)
    _n: int = 0

    def open(
        self,
        setup: TrialSetup,
        state: WorkerState | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nothing to open: no fit is run."""

    def submit(
        self, jobs: Sequence[Job], lease: Lease, modules: frozenset[str] = frozenset()
    ) -> None:
        """Queues the reports and the end of a fit at the times they were measured at."""
        (job,) = jobs
        measured = self._measured(job)
        place = max(job.fold, 0)
        took_s, steps = float(measured.seconds[place]), measured.steps[place]
        for number, (step, score) in enumerate(steps, start=1):
            at = self.clock.now + took_s * number / (len(steps) + 1)
            self._push(at, Reported(job.job_id, step, score))
        result = FoldResult(
            fold=job.fold,
            score=float(measured.scores[place]),
            fit_s=took_s,
            predict_s=0.0,
            n_valid=len(self.table.y),
            model_mib=float(measured.size_mib[place]),
            predict_ms=float(measured.predict_ms[place]),
        )
        self._push(self.clock.now + took_s, Done(job.job_id, result))
        self._running[job.job_id] = (job, lease)

    def poll(self, timeout_s: float) -> list[ExecutorEvent]:
        """What happens next, however long it takes; where nothing runs, time passes."""
        while self._queue:
            at, _, happening = heapq.heappop(self._queue)
            running = self._running.get(happening.job_id)
            if running is None:
                continue
            self.clock.now = max(self.clock.now, at)
            job, lease = running
            if isinstance(happening, Reported):
                if job.job_id in self._asked_to_stop:
                    happening = Pruned(job.job_id, happening.step)
                else:
                    return [happening]
            if isinstance(happening, Done):
                self._write(job)
            del self._running[job.job_id]
            self.pool.release(lease)
            return [happening]
        self.clock.now += timeout_s
        return []

    def prune(self, job_id: JobKey) -> None:
        """The next report of the fit is its last."""
        self._asked_to_stop.add(job_id)

    def kill(self, job_id: JobKey, error: TrialError) -> None:
        """Ends a fit at once."""
        if job_id in self._running:
            self._push(self.clock.now, Failed(job_id, error))

    def stop(self) -> None:
        """Ends everything."""
        for _, lease in self._running.values():
            self.pool.release(lease)
        self._running.clear()

    def close(self) -> None:
        """Ends everything."""
        self.stop()

    def _push(self, at: float, happening: ExecutorEvent) -> None:
        self._n += 1
        heapq.heappush(self._queue, (at, self._n, happening))

    def _measured(self, job: Job) -> Measured:
        return self.table.candidates[job.spec.params["candidate"]]

    def _write(self, job: Job) -> None:
        measured = self._measured(job)
        rows = slice(None) if job.fold == ALL_ROWS else self.plan.splits[job.fold].valid
        path = self.run.oof(job.spec.trial_id, job.fold)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, measured.oof[rows])


@dataclass(frozen=True, slots=True)
class Replay:
    """How a search would have ended.

    Attributes:
        table: Name.
        score: Of its ensemble on the test rows.
        loss: The same, lower is better.
        n_complete: Complete trials.
        weights: Of the members, by candidate.
        first_s: When the first trial was complete.
        end_s: When the last fit was over.
    """

    table: str
    score: float
    loss: float
    n_complete: int
    weights: dict[str, float]
    first_s: float
    end_s: float


def replay(table: MeasuredTable, config: SearchConfig, priorities: Mapping[str, int]) -> Replay:
    """Runs one search on a measured table.

    Args:
        table: What was measured.
        config: Its time budget counts in measured seconds.
        priorities: Of the families, by name.
    """
    metric, clock = get_metric(table.metric, Task(table.task)), Clock()
    with tempfile.TemporaryDirectory() as place:
        run = RunDir(Path(place) / "run")
        for folder in (run.path, run.trials, run.ensemble):
            folder.mkdir()
        plan = plan_of(table)
        pool = DevicePool(config.scheduler.cpus or 2, (), None, float("inf"), None)
        capacity = Capacity((pool.node,))
        setup = make_trial_setup(run, config, plan.n_folds, table.metric, capacity)
        families = families_of(table, plan, priorities, config, metric)
        dataset = dataset_of(table)
        problem = Problem(run, config, dataset, plan, metric, setup, families, capacity)
        executor = ReplayExecutor(table, run, plan, pool, clock)
        controller = build_search(problem, executor, started=-START_S, clock=clock)
        first_s, n_complete = float("inf"), 0
        for event in controller.events():
            if isinstance(event, TrialFinished) and event.state == "complete":
                n_complete += 1
                first_s = min(first_s, event.elapsed_s)
        ensemble = controller.incumbent.current
        trials = {t.spec.trial_id: t.spec.params["candidate"] for t in controller.ledger.trials}
    weights = {} if ensemble is None else {trials[t]: w for t, w in ensemble.weights.items()}
    total = sum(w * table.candidates[name].test.astype(float) for name, w in weights.items())
    prediction = np.asarray(total)
    if ensemble is not None:
        prediction = ensemble.calibration.for_metric(metric, prediction)
    score = float(metric.score(table.y_test, prediction, None))
    return Replay(
        table.name, score, metric.loss(score), n_complete, weights, first_s, clock.now + START_S
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Replays a search on every table, and prints one JSON line for each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.portfolio.replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--time", type=float, default=60.0)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--overrides", nargs="*", default=(), help="such as search.folds=5")
    options = parser.parse_args(arguments)
    registry = load_registry()
    priorities = {family.name: family.priority for family in registry.select(None)}
    chosen = {"time_s": options.time, "seed": 0}
    config = compose_config(list(options.overrides), chosen, registry, None).config
    for folder in sorted(p.parent for p in options.store.glob("*/table.json")):
        if options.only and folder.name not in options.only:
            continue
        started = time.monotonic()
        done = replay(read_table(folder), config, priorities)
        line = {name: getattr(done, name) for name in Replay.__dataclass_fields__}
        print(json.dumps({**line, "took_s": round(time.monotonic() - started, 1)}), flush=True)


if __name__ == "__main__":
    main()
