"""Measures every candidate on every table of a catalog, one fold after the other.

    python -m benchmarks.portfolio.collect --catalog tables/catalog.csv --store measured

Each table is divided once, three parts to learn from and one to test on. Each candidate is fitted
on all folds of the first, in one thread, with the seconds that a fit may take in a search of
``--time`` on ``--slots`` cores, and predicts both. What is in the store is not measured again, so
the command may be stopped at any time; ``--part 0/2`` and ``--part 1/2`` share the tables between
two processes. The machine should have nothing else to do: fits adapt to the clock.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.config.compose import compose_config
from automl.data import load_labelled, save_dataset
from automl.data.split.choose import ALL_ROWS, SplitPlan, save_split_plan
from automl.data.table import Table
from automl.plugin import OutOfBagFamily
from automl.registry import Registry, load_registry
from automl.scheduling.devices.machine import capacity_of, make_pool
from automl.store.run_dir import RunDir
from automl.trial.execute import execute_job
from automl.trial.setup import derive_seed
from automl.trial.spec import FoldResult, Job, TrialSpec
from automl.trial.worker_state import WorkerState, open_worker_state
from automl.tuning.budget.budget import Budget
from automl.tuning.problem.problem import Problem, read_problem
from benchmarks.portfolio.candidates import Candidate, candidates
from benchmarks.portfolio.measured import Measured, MeasuredTable, write_candidate, write_table
from benchmarks.tables import Entry, read_catalog, write_parts

__all__ = ["main", "measure_table"]

OUT_OF_BAG_SHARE = 3.0
MAX_STEPS = 40


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what is not in the store yet."""
    options = _options(arguments)
    part, parts = (int(number) for number in options.part.split("/"))
    registry = load_registry()
    for entry in read_catalog(options.catalog, options.only):
        if zlib.crc32(entry.name.encode()) % parts == part:
            measure_table(entry, registry, options)


def measure_table(entry: Entry, registry: Registry, options: argparse.Namespace) -> None:
    """Measures the candidates of one table that are not in the store yet."""
    started, folder = time.monotonic(), options.store / entry.name
    with tempfile.TemporaryDirectory() as place:
        train, test = write_parts(entry, 0, Path(place))
        problem = _open(entry, train, Path(place) / "run", registry, options)
        wanted = candidates(list(problem.families.values()), options.entries, options.random)
        missing = [c for c in wanted if not (folder / f"{c.name}.npz").exists()]
        if not missing:
            return
        columns, target = problem.dataset.table.columns, problem.dataset.target
        held_out = load_labelled(test, columns, target)
        state = open_worker_state(problem.setup)
        write_table(folder, _facts(entry, problem, held_out.y, _share_s(problem, options)))
        for candidate in missing:
            try:
                measured = _measure(candidate, problem, state, held_out.table, options)
            except Exception as error:
                print(f"{entry.name} {candidate.name}: {error!r}", file=sys.stderr, flush=True)
                continue
            write_candidate(folder, measured)
    took = time.monotonic() - started
    print(f"{entry.name}: {len(missing)} in {took:.0f} s", file=sys.stderr, flush=True)


def _open(
    entry: Entry, train: Path, path: Path, registry: Registry, options: argparse.Namespace
) -> Problem:
    """A run directory with data and folds, as a search makes one."""
    chosen = {"target": entry.target, "task": entry.task, "time_s": options.time, "seed": 0}
    overrides = [f"family=[{options.families}]"] if options.families else []
    config = compose_config(
        [*overrides, f"scheduler.cpus={options.slots}"], chosen, registry, None
    ).config
    run = RunDir(path)
    path.mkdir()
    for folder in (run.trials, run.encodings):
        folder.mkdir()
    problem = read_problem(train, config, registry, run, capacity_of(make_pool(config.scheduler)))
    save_dataset(problem.dataset, run.data)
    save_split_plan(problem.plan, run.split)
    return problem


def _share_s(problem: Problem, options: argparse.Namespace) -> float:
    budget = Budget(time.monotonic(), options.time)
    return budget.fair_share_s(options.slots, problem.plan.n_folds) or 0.0


def _facts(entry: Entry, problem: Problem, y_test: NDArray[Any], share_s: float) -> MeasuredTable:
    dataset, used = problem.dataset, problem.dataset.table.used
    return MeasuredTable(
        name=entry.name,
        task=dataset.target.task.value,
        metric=problem.metric.name,
        n_rows=len(dataset.y),
        n_columns=len(used),
        n_categorical=sum(c.kind.value == "categorical" for c in used),
        n_classes=dataset.target.n_classes,
        share_s=share_s,
        y=dataset.y,
        y_test=y_test,
        fold_of=_fold_of(problem.plan, len(dataset.y)),
        candidates={},
    )


def _fold_of(plan: SplitPlan, n_rows: int) -> NDArray[np.int64]:
    fold_of = np.full(n_rows, -1, dtype=np.int64)
    for number, division in enumerate(plan.splits[: plan.n_folds]):
        fold_of[np.asarray(division.valid)] = number
    return fold_of


def _measure(
    candidate: Candidate,
    problem: Problem,
    state: WorkerState,
    test: Table,
    options: argparse.Namespace,
) -> Measured:
    """Fits a candidate on all folds, and predicts the rows left out and those of the test."""
    family, info = problem.families[candidate.family]
    is_oob = isinstance(family, OutOfBagFamily) and problem.plan.exchangeable
    folds = (ALL_ROWS,) if is_oob else tuple(range(problem.plan.n_folds))
    share_s = _share_s(problem, options)
    share_s *= min(problem.plan.n_folds, OUT_OF_BAG_SHARE) if is_oob else 1.0
    spec = TrialSpec(family.name, 0, dict(candidate.params))
    encoding = family.encoding(spec.params, info)
    oof: NDArray[Any] | None = None
    total: NDArray[Any] | float = 0.0
    results: list[FoldResult] = []
    for fold in folds:
        seed = derive_seed(0, candidate.name, fold)
        result = execute_job(Job(spec, fold, seed, time_limit_s=share_s), state, lambda *_: None)
        results.append(result)
        prediction = np.load(problem.run.oof(spec.trial_id, fold))
        if oof is None:
            oof = np.full((len(problem.dataset.y), *prediction.shape[1:]), np.nan, np.float32)
        rows = slice(None) if fold == ALL_ROWS else problem.plan.splits[fold].valid
        oof[rows] = prediction
        model = family.load(problem.run.model(spec.trial_id, fold))
        encoder = state.encoders.encoder(fold, encoding, family.kinds)
        total = total + model.predict(encoder.transform(test))
        shutil.rmtree(problem.run.fold(spec.trial_id, fold))
    assert oof is not None
    return Measured(
        name=candidate.name,
        family=candidate.family,
        params=dict(candidate.params),
        oof=oof,
        test=(np.asarray(total) / len(folds)).astype(np.float32),
        seconds=np.array([r.fit_s + r.predict_s for r in results]),
        scores=np.array([r.score for r in results]),
        size_mib=np.array([r.model_mib for r in results]),
        predict_ms=np.array([r.predict_ms for r in results]),
        steps=[_thinned(r.steps) for r in results],
    )


def _thinned(steps: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    kept = np.linspace(0, len(steps) - 1, min(len(steps), MAX_STEPS)).round().astype(int)
    return [steps[place] for place in kept]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.portfolio.collect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--time", type=float, default=60.0, help="budget of the search, seconds")
    parser.add_argument("--slots", type=int, default=2, help="its cores")
    parser.add_argument("--entries", type=int, default=4, help="of portfolios, by size of table")
    parser.add_argument("--random", type=int, default=0, help="random draws of each family")
    parser.add_argument("--families", default="", help="such as lightgbm,linear; all by default")
    parser.add_argument("--only", nargs="*", default=(), help="names of tables")
    parser.add_argument("--part", default="0/1", help="such as 0/2: the first half of the tables")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
