"""Measures every candidate on every table of a catalog, one fold after the other.

    python -m benchmarks.portfolio.collect --catalog tables/catalog.csv --store measured

Each table is divided once, three parts to learn from and one to test on. Each candidate is fitted
on all folds of the first, in one thread, with the seconds that a fit may take in a search of
``--time`` on ``--slots`` cores, and predicts both. Seconds are those of the CPU, for the limits of
fits as well, so that other load does not change what is measured. ``--variants 2`` fits the best
entries of portfolios, of three families, with two more seeds, and on two more divisions into folds.
What is in the store is not measured again, so the command may be stopped at any time;
``--part 0/2`` and ``--part 1/2`` share the tables between two processes.
"""

from __future__ import annotations

import argparse
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
from automl.data.split.choose import SHORT_FOLDS, SplitPlan, save_split_plan
from automl.registry import Registry, load_registry
from automl.scheduling.devices.machine import capacity_of, make_pool
from automl.store.run_dir import RunDir
from automl.trial.worker_state import open_worker_state
from automl.tuning.budget.budget import Budget
from automl.tuning.problem.problem import Problem, read_problem
from benchmarks.portfolio.candidates import SIZES, Candidate, candidates
from benchmarks.portfolio.fits import Fits, best_candidates, is_out_of_bag, measure
from benchmarks.portfolio.measured import (
    MeasuredTable,
    end_first_round,
    read_table,
    write_candidate,
    write_table,
)
from benchmarks.tables import Entry, read_catalog, write_parts

__all__ = ["main", "measure_table"]

N_REPEATS = 3
N_BEST = 3
KINDS = ("seed", "repeat")


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
        missing = [
            (candidate, variant)
            for candidate, variant in _wanted(problem, folder, options)
            if not (folder / f"{candidate.name}{'@' if variant else ''}{variant}.npz").exists()
        ]
        if not missing:
            return
        columns, target = problem.dataset.table.columns, problem.dataset.target
        held_out = load_labelled(test, columns, target)
        state = open_worker_state(problem.setup)
        write_table(folder, _facts(entry, problem, held_out.y, _share_s(problem, options)))
        for candidate, variant in missing:
            fits = Fits(candidate, problem, state, _share_s(problem, options), variant)
            try:
                measured = measure(fits, held_out.table)
            except Exception as error:
                print(f"{entry.name} {candidate.name}: {error!r}", file=sys.stderr, flush=True)
                continue
            write_candidate(folder, measured)
    took = time.monotonic() - started
    print(f"{entry.name}: {len(missing)} in {took:.0f} s", file=sys.stderr, flush=True)


def _wanted(
    problem: Problem, folder: Path, options: argparse.Namespace
) -> list[tuple[Candidate, str]]:
    """Candidates with their variants, "" for the first fits."""
    families = list(problem.families.values())
    sizes = (len(problem.dataset.y),) if options.own_size else SIZES
    if options.variants:
        entries = candidates(families, options.entries, 0, sizes=sizes)
        end_first_round(folder, [candidate.name for candidate in entries])
        variants = [f"{kind}-{n + 1}" for n in range(options.variants) for kind in KINDS]
        found = best_candidates(read_table(folder), N_BEST)
        return [(c, v) for c in found for v in variants if _has(problem, c, v)]
    found = candidates(families, options.entries, options.random, sizes=sizes)
    return [(candidate, "") for candidate in found]


def _has(problem: Problem, candidate: Candidate, variant: str) -> bool:
    """Whether the variant differs from all others: an out-of-bag family has no folds to divide."""
    if candidate.family not in problem.families:
        return False
    return not (variant.startswith("repeat") and is_out_of_bag(candidate, problem))


def _open(
    entry: Entry, train: Path, path: Path, registry: Registry, options: argparse.Namespace
) -> Problem:
    """A run directory with data and folds, as a search makes one."""
    chosen = {"target": entry.target, "task": entry.task, "time_s": options.time, "seed": 0}
    overrides = [f"family=[{options.families}]"] if options.families else []
    overrides += [f"scheduler.cpus={options.slots}", f"search.folds={SHORT_FOLDS}"]
    overrides += [f"search.repeats={N_REPEATS}"]
    config = compose_config(overrides, chosen, registry, None).config
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
    return budget.fair_share_s(options.slots, len(problem.plan.repeats[0])) or 0.0


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
    for number in plan.repeats[0]:
        fold_of[np.asarray(plan.splits[number].valid)] = number
    return fold_of


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
    parser.add_argument("--own-size", action="store_true", help="portfolio of its rows alone")
    parser.add_argument("--variants", type=int, default=0, help="seeds and repeats of the best")
    parser.add_argument("--families", default="", help="such as lightgbm,linear; all by default")
    parser.add_argument("--only", nargs="*", default=(), help="names of tables")
    parser.add_argument("--part", default="0/1", help="such as 0/2: the first half of the tables")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
