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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl.config import compose_config
from automl.config.schema import SearchConfig
from automl.data import load_dataset
from automl.data.split import ALL_ROWS, Division, SplitPlan
from automl.data.table import Dataset
from automl.metrics import get_metric
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily, Params
from automl.plugin.task import Task
from automl.registry import load_registry
from automl.scheduling.devices import DevicePool, Lease
from automl.scheduling.executor import Happening
from automl.scheduling.messages import Done, Failed, Progressed, Pruned
from automl.search.budget import Budget
from automl.search.events import TrialFinished
from automl.search.prepare import make_controller
from automl.search.problem import Problem, trial_setup
from automl.store.run_dir import RunDir
from automl.trial.spec import FoldResult, Job, TrialError
from benchmarks.portfolio.measured import Measured, MeasuredTable, read_table

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
class ReplayExecutor:
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
    _queue: list[tuple[float, int, Happening]] = field(default_factory=list)
    _running: dict[str, tuple[Job, Lease]] = field(default_factory=dict)
    _asked_to_stop: set[str] = field(default_factory=set)
    _n: int = 0

    def submit(self, job: Job, lease: Lease, modules: frozenset[str] = frozenset()) -> None:
        """Queues the reports and the end of a fit at the times they were measured at."""
        measured = self._measured(job)
        place = max(job.fold, 0)
        took_s, steps = float(measured.seconds[place]), measured.steps[place]
        for number, (step, score) in enumerate(steps, start=1):
            at = self.clock.now + took_s * number / (len(steps) + 1)
            self._push(at, Progressed(job.job_id, step, score))
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

    def poll(self, timeout_s: float) -> list[Happening]:
        """What happens next, however long it takes; where nothing runs, time passes."""
        while self._queue:
            at, _, happening = heapq.heappop(self._queue)
            running = self._running.get(happening.job_id)
            if running is None:
                continue
            self.clock.now = max(self.clock.now, at)
            job, lease = running
            if isinstance(happening, Progressed):
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

    def prune(self, job_id: str) -> None:
        """The next report of the fit is its last."""
        self._asked_to_stop.add(job_id)

    def kill(self, job_id: str, error: TrialError) -> None:
        """Ends a fit at once."""
        if job_id in self._running:
            self._push(self.clock.now, Failed(job_id, error))

    def close(self) -> None:
        """Ends everything."""
        for _, lease in self._running.values():
            self.pool.release(lease)
        self._running.clear()

    def _push(self, at: float, happening: Happening) -> None:
        self._n += 1
        heapq.heappush(self._queue, (at, self._n, happening))

    def _measured(self, job: Job) -> Measured:
        return self.table.candidates[job.spec.params["candidate"]]

    def _write(self, job: Job) -> None:
        measured = self._measured(job)
        rows = slice(None) if job.fold == ALL_ROWS else self.plan.divisions[job.fold].valid
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
        plan = _plan(table)
        pool = DevicePool(config.scheduler.cpus or 2, (), None, float("inf"), None)
        setup = trial_setup(run, config, plan, table.metric, pool)
        families = _families(table, plan, priorities, config, metric)
        dataset = _dataset(table)
        problem = Problem(run, config, dataset, plan, metric, setup, families, pool)
        executor = ReplayExecutor(table, run, plan, pool, clock)
        budget = Budget(-START_S, config.time_s, None, config.search.reserve_share, None, clock)
        controller = make_controller(problem, executor, 1, budget, lambda: False)
        first_s, n_complete = float("inf"), 0
        for event in controller.events():
            if isinstance(event, TrialFinished) and event.state == "complete":
                n_complete += 1
                first_s = min(first_s, event.elapsed_s)
        ensemble = controller.standing.current
        trials = {t.spec.trial_id: t.spec.params["candidate"] for t in controller.ledger.trials}
    weights = {} if ensemble is None else {trials[t]: w for t, w in ensemble.weights.items()}
    total = sum(w * table.candidates[name].test.astype(float) for name, w in weights.items())
    score = float(metric.score(table.y_test, np.asarray(total), None))
    return Replay(
        table.name, score, metric.loss(score), n_complete, weights, first_s, clock.now + START_S
    )


def _plan(table: MeasuredTable) -> SplitPlan:
    """The folds; a fold that no row validates is not there."""
    every = np.arange(len(table.y))
    divisions = tuple(
        Division(every[table.fold_of != fold], every[table.fold_of == fold])
        for fold in range(int(table.fold_of.max()) + 1)
    )
    return SplitPlan("stratified", divisions, "as measured", len(every))


def _dataset(table: MeasuredTable) -> Dataset:
    """The target with one column beside it: nothing is fitted."""
    frame = pd.DataFrame({"x": np.arange(len(table.y)) % 7, "y": table.y})
    return load_dataset(frame, target="y", task=Task(table.task))


def _families(
    table: MeasuredTable,
    plan: SplitPlan,
    priorities: Mapping[str, int],
    config: SearchConfig,
    metric: Any,
) -> dict[str, tuple[ModelFamily, Shape]]:
    """Families with the measured candidates for a portfolio, in the order they were measured."""
    by_family: dict[str, list[str]] = {}
    for name, measured in table.candidates.items():
        by_family.setdefault(measured.family, []).append(name)
    shape = Shape(
        task=Task(table.task),
        metric=metric,
        n_rows=table.n_rows,
        n_numeric=table.n_columns - table.n_categorical,
        n_categorical=table.n_categorical,
        n_classes=table.n_classes,
        n_folds=plan.n_folds,
        n_cpus=config.scheduler.cpus or 2,
        time_s=config.time_s,
    )
    ordered = sorted(by_family, key=lambda name: (-priorities.get(name, 50), name))
    return {
        name: (_Replayed.make(name, priorities.get(name, 50), by_family[name], table), shape)
        for name in ordered
    }


class _Replayed(ModelFamily):
    """Proposes candidates that were measured."""

    _names: Sequence[str]

    @classmethod
    def make(
        cls, name: str, priority: int, names: Sequence[str], table: MeasuredTable
    ) -> ModelFamily:
        once = all(len(table.candidates[n].seconds) == 1 for n in names)
        facts = {"name": name, "priority": priority, "out_of_bag": once, "_names": names}
        made: ModelFamily = type(f"Replayed_{name}", (cls,), facts)()
        return made

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        return [{"candidate": name} for name in self._names]

    def search_space(self, suggest: Any, shape: Shape) -> dict[str, Any]:
        return {"candidate": suggest.suggest_categorical("candidate", list(self._names))}

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        raise NotImplementedError

    def save(self, model: Any, path: Any) -> None:
        raise NotImplementedError

    def load(self, path: Any) -> Any:
        raise NotImplementedError


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
