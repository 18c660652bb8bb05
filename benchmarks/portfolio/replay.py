"""Runs searches on what was recorded: decisions are real, fits are looked up, time is simulated.

    python -m benchmarks.portfolio.replay --time 60 --cores 16 --gpus 1

The allocator, the dispatcher, the pruner, the packs, the records and the ensemble are those of a
search; see ``simulated.py`` for the seconds of fits and ``stand_in.py`` for what a family proposes.
Minutes pass in seconds and without noise: two ways to decide can be compared on many tables. It
prints one JSON line a table. What differs from a real search: each fit has one thread, memory is
unlimited, the folds are those of the record (five), the members are not refitted, and a family
finds nothing better than its best recorded params.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from automl.config.compose import compose_config
from automl.config.schema import SearchConfig
from automl.ensemble import Ensemble
from automl.events import EnsembleUpdated, Event
from automl.metrics import get_metric
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily
from automl.plugin.metric import Metric
from automl.plugin.task import Task
from automl.registry import load_registry
from automl.scheduling.devices.capacity import Capacity, Gpu
from automl.scheduling.devices.pool import DevicePool
from automl.store.run_dir import RunDir
from automl.trial.spec import TrialState
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.lifecycle.build import build_search
from automl.tuning.loop.controller import Controller
from automl.tuning.problem.problem import Problem, make_trial_setup
from automl.tuning.trials.trial import Trial
from benchmarks.portfolio.measured import Measured, MeasuredTable
from benchmarks.portfolio.recorded import FOLDER, read_store
from benchmarks.portfolio.simulated import Clock, SimulatedExecutor, Speeds
from benchmarks.portfolio.stand_in import KEY, dataset_of, families_of, plan_of
from benchmarks.portfolio.timeline import Timeline

__all__ = ["Replay", "installed", "main", "make_config", "replay"]

START_S = 1.5
"""Seconds until the first fit starts: reading the table, forking workers."""

SELECTION_S = 3e-6
"""Seconds of a selection for each candidate, row and output (60 candidates of 576 rows with the
area under the curve took 0.25 s of the CPU)."""

MEMORY = Path("/dev/shm")
"""Where run directories are written if it is there: a replay waits for no disk."""

BASELINE = "baseline"
MIN_STEP = 1e-4  # of the way from the baseline, by which an ensemble must improve to count
WARM_S = 3.0  # from here on cores should be busy


@dataclass(frozen=True, slots=True)
class Replay:
    """How a search would have ended.

    Attributes:
        table: Name.
        score: Of its ensemble on the test rows.
        loss: The same, lower is better.
        own_score: What the search said of it: nested, where it is known.
        stopped_by: Why it ended.
        busy: Share of the core-seconds from 3 s to the end of the budget in which fits ran.
        busy_by_phase: The same for each third of that time.
        gpu_busy: Share of the GPUs that was leased in that time.
        most_cores: Cores that were busy at once.
        gpus: Indices of the GPUs that were used.
        lost_share: Share of the busy core-seconds in trials that never completed.
        lost_by_kind: The same by how they ended, and ``first fold`` for those that were never
            promoted.
        idle_by_cause: Core-seconds without a fit, as a share like ``busy``, by why.
        improved_s: When the ensemble last improved by ``MIN_STEP``.
        first_s: When the first trial was complete.
        end_s: When the last fit was over.
        n_trials, n_complete: All trials, and the complete ones.
        trials: By family, proposed and complete.
        weights: Of the members, by what answered them.
        complete: What answered the complete trials.
    """

    table: str
    score: float
    loss: float
    own_score: float | None
    stopped_by: str
    busy: float
    busy_by_phase: tuple[float, ...]
    gpu_busy: float
    most_cores: int
    gpus: tuple[int, ...]
    lost_share: float
    lost_by_kind: dict[str, float]
    idle_by_cause: dict[str, float]
    improved_s: float
    first_s: float
    end_s: float
    n_trials: int
    n_complete: int
    trials: dict[str, tuple[int, int]]
    weights: dict[str, float] = field(default_factory=dict)
    complete: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tracker(EnsembleTracker):
    """Selections take simulated seconds, in which the main process does nothing else."""

    clock: Clock = field(default_factory=Clock)

    def update(self, elapsed_s: float = math.inf) -> Ensemble | None:
        """Selects, and moves the clock on."""
        before_s = self.spent_s
        found = EnsembleTracker.update(self, elapsed_s)
        if self.spent_s != before_s:
            values = sum(oof.size for oof in self.oof.oof.values())
            self.selection_s = SELECTION_S * values
            self.spent_s = before_s + self.selection_s
            self.clock.now += self.selection_s
        return found


def replay(
    table: MeasuredTable,
    config: SearchConfig,
    families: Mapping[str, ModelFamily],
    n_gpus: int = 0,
    speeds: Speeds | None = None,
) -> Replay:
    """Runs one search on a measured table.

    Args:
        table: What was measured.
        config: Its time budget counts in simulated seconds; ``scheduler.cpus`` are the cores.
        families: The installed families, by name.
        n_gpus: GPUs, on paper.
        speeds: How long fits take beside what was measured.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as place:
        controller, executor = _open(table, config, families, n_gpus, Path(place), speeds)
        events = itertools.chain(_begun(controller, executor.clock), controller.events())
        updates = [(e.score, e.elapsed_s) for e in events if isinstance(e, EnsembleUpdated)]
        executor.close()
        return _summary(table, controller, executor, updates)


def _open(
    table: MeasuredTable,
    config: SearchConfig,
    families: Mapping[str, ModelFamily],
    n_gpus: int,
    place: Path,
    speeds: Speeds | None,
) -> tuple[Controller, SimulatedExecutor]:
    """A search that is about to start its first fit, in an empty run directory."""
    metric, clock, plan = get_metric(table.metric, Task(table.task)), Clock(), plan_of(table)
    run = RunDir(place / "run")
    for folder in (run.path, run.trials, run.ensemble):
        folder.mkdir()
    gpus = tuple(Gpu(index, vram_gib=80.0) for index in range(n_gpus))
    pool = DevicePool(config.scheduler.cpus or 2, gpus, config.scheduler.gpu_slots, math.inf)
    capacity = Capacity((pool.node,))
    setup = make_trial_setup(run, config, plan.n_folds, table.metric, capacity)
    offered = families_of(table, plan, families, config, metric, n_gpus)
    problem = Problem(run, config, dataset_of(table), plan, metric, setup, offered, capacity)
    executor = SimulatedExecutor(
        fits={m.key: m for m in (*table.candidates.values(), *table.variants.values())},
        run=run,
        plan=plan,
        pool=pool,
        clock=clock,
        speeds=speeds or Speeds(),
        timeline=Timeline(pool.n_cpus, n_gpus),
        immediate=frozenset(n for n, pair in offered.items() if _is_immediate(*pair)),
    )
    controller = build_search(problem, executor, started=0.0, clock=clock)
    known = controller.incumbent
    controller.incumbent = _Tracker(
        known.oof, known.config, known.families, known.seed, clock=clock
    )
    executor.why_idle = lambda: _why_idle(controller)
    return controller, executor


def _is_immediate(family: ModelFamily, problem: ProblemInfo) -> bool:
    return family.name == BASELINE and family.encoding({}, problem).is_empty


def _begun(controller: Controller, clock: Clock) -> Iterator[Event]:
    """The first fits, of the baseline; then workers are ready."""
    yield from controller.begin()
    clock.now = max(clock.now, START_S)


def _why_idle(controller: Controller) -> str:
    """Why a core is free although the search has just started all the fits that it can."""
    proposer, ledger = controller.proposer, controller.ledger
    if proposer.is_exhausted:
        return "nothing left to try"
    left_s = controller.budget.search_left_s(controller.incumbent.selection_s)
    names = [n for n in proposer.families if n not in proposer.stopped]
    if not any(proposer.fit_times.new_trial_fits(name, left_s) for name in names):
        deferred = any(t.is_held for t in ledger.in_state(TrialState.RUNNING))
        return "no trial fits into the rest" + (", some deferred" if deferred else "")
    return "waits for devices"


def _summary(
    table: MeasuredTable,
    controller: Controller,
    executor: SimulatedExecutor,
    updates: Sequence[tuple[float | None, float]],
) -> Replay:
    ledger, timeline, ensemble = controller.ledger, executor.timeline, controller.incumbent.current
    answers = {t.spec.trial_id: t.spec.params[KEY] for t in ledger.trials}
    weights: dict[str, float] = {}
    for trial_id, weight in {} if ensemble is None else ensemble.weights.items():
        weights[answers[trial_id]] = weights.get(answers[trial_id], 0.0) + weight
    metric, budget = get_metric(table.metric, Task(table.task)), controller.budget
    score = _test_score(table, weights, ensemble, executor.fits, metric)
    end_s = budget.time_s or executor.clock.now
    complete = [t for t in ledger.trials if t.state is TrialState.COMPLETE]
    busy_s = timeline.core_seconds() or 1.0
    lost = {kind: timeline.by_trial(names) / busy_s for kind, names in _lost(ledger.trials).items()}
    marks = np.linspace(WARM_S, end_s, 4)
    n_all, n_complete = (Counter(t.spec.family for t in x) for x in (ledger.trials, complete))
    own = None if ensemble is None else ensemble.nested_score or ensemble.score
    return Replay(
        table=table.name,
        score=score,
        loss=metric.loss(score),
        own_score=own,
        stopped_by=controller.stopped_by,
        busy=timeline.busy_share(WARM_S, end_s),
        busy_by_phase=tuple(
            round(float(timeline.busy_share(*pair)), 4) for pair in itertools.pairwise(marks)
        ),
        gpu_busy=timeline.gpu_share(WARM_S, end_s),
        most_cores=timeline.most_cpus,
        gpus=tuple(sorted(timeline.gpus)),
        lost_share=sum(lost.values()),
        lost_by_kind=lost,
        idle_by_cause=timeline.idle_shares(WARM_S, end_s),
        improved_s=_improved_s(controller, updates),
        first_s=min((t.finished_s or end_s for t in complete), default=math.inf),
        end_s=max((span.end_s for span in timeline.spans), default=0.0),
        n_trials=len(ledger.trials),
        n_complete=len(complete),
        trials={name: (n_all[name], n_complete[name]) for name in sorted(n_all)},
        weights=weights,
        complete=tuple(answers[t.spec.trial_id] for t in complete),
    )


def _test_score(
    table: MeasuredTable,
    weights: Mapping[str, float],
    ensemble: Ensemble | None,
    fits: Mapping[str, Measured],
    metric: Metric,
) -> float:
    if ensemble is None:
        return math.nan
    total = np.asarray(sum(w * fits[key].test.astype(float) for key, w in weights.items()))
    shown = ensemble.calibration.for_metric(metric, total)
    return float(metric.score(table.y_test, shown, None))


def _lost(trials: Sequence[Trial]) -> dict[str, list[str]]:
    """Ids of the trials that never completed, by how they ended."""
    found: dict[str, list[str]] = {}
    for trial in trials:
        if trial.state is TrialState.COMPLETE or trial.ending is None:
            continue
        only_first = not trial.promoted and set(trial.results) == {trial.folds[0]}
        kind = "first fold" if only_first else str(getattr(trial.ending, "kind", trial.state))
        found.setdefault(kind, []).append(trial.spec.trial_id)
    return found


def _improved_s(controller: Controller, updates: Sequence[tuple[float | None, float]]) -> float:
    """When the ensemble improved for the last time by a share of the way from the baseline."""
    oof, loss = controller.incumbent.oof, controller.ledger.metric.loss
    prior = oof.prior_loss(np.flatnonzero(oof.plan.covered))
    best, at = prior, 0.0
    for score, elapsed_s in updates:
        if score is not None and best - loss(score) > MIN_STEP * max(prior - best, 1e-12):
            best, at = loss(score), elapsed_s
    return at


def make_config(
    time_s: float, cores: int, seed: int = 0, overrides: Sequence[str] = ()
) -> SearchConfig:
    """The configuration of a search; params are drawn at random, as all are looked up anyway."""
    chosen = {"time_s": time_s, "seed": seed}
    asked = [f"scheduler.cpus={cores}", "sampler.name=random", *overrides]
    return compose_config(asked, chosen, load_registry(), None).config


def installed() -> dict[str, ModelFamily]:
    """The installed families, by name."""
    return {family.name: family for family in load_registry().select(None)}


def lines(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Replays every table of the store, and yields a line for each."""
    config = make_config(options.time, options.cores, options.seed, options.overrides)
    families, speeds = installed(), _speeds(options)
    for table in read_store(options.store, options.only):
        started, cpu = time.monotonic(), time.process_time()
        done = replay(table, config, families, options.gpus, speeds)
        line = {name: getattr(done, name) for name in Replay.__dataclass_fields__}
        del line["complete"]
        spent = {"took_s": time.monotonic() - started, "cpu_s": time.process_time() - cpu}
        yield {**line, **spent}


def _speeds(options: argparse.Namespace) -> Speeds:
    return Speeds(options.cpu_factor, options.gpu_factor, options.pack_share, options.handle)


def main(arguments: Sequence[str] | None = None) -> None:
    """Replays a search on every table, and prints one JSON line for each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.portfolio.replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = Speeds()
    parser.add_argument("--store", type=Path, default=FOLDER, help="the recorded tables")
    parser.add_argument("--time", type=float, default=60.0, help="budget in simulated seconds")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--gpus", type=int, default=0, help="GPUs on paper")
    parser.add_argument("--cpu-factor", type=float, default=usual.cpu_factor)
    parser.add_argument("--gpu-factor", type=float, default=usual.gpu_factor)
    parser.add_argument("--pack-share", type=float, default=usual.pack_share)
    parser.add_argument("--handle", type=float, default=usual.handle_s)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=(), help="names of tables")
    parser.add_argument("--overrides", nargs="*", default=(), help="such as pruner.name=none")
    for line in lines(parser.parse_args(arguments)):
        print(json.dumps(line, default=_short), flush=True)


def _short(value: object) -> object:
    return float(value) if isinstance(value, np.floating) else str(value)


if __name__ == "__main__":
    main()
