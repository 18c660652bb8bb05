"""From a problem to a controller that is ready to run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.config import load_config, save_config
from automl.config.schema import SearchConfig
from automl.data import save_dataset
from automl.data.split.choose import save_split_plan
from automl.events import Event, Note, SearchStarted
from automl.plugin.task import ColumnKind
from automl.registry import Registry
from automl.scheduling.executor import Executor
from automl.store.lock import RunLock
from automl.store.manifest import new_manifest, update_manifest, write_manifest
from automl.store.run_dir import RunDir
from automl.trial.worker_state import Workbench
from automl.tuning.lifecycle.build import build_search
from automl.tuning.lifecycle.compat import check_config, check_data, check_problem, facts_of
from automl.tuning.lifecycle.location import check_place, make_folders
from automl.tuning.lifecycle.over import Over, is_over
from automl.tuning.lifecycle.resume import Past, read_past, resume
from automl.tuning.lifecycle.threads import set_threads, staff
from automl.tuning.loop.controller import Controller
from automl.tuning.problem.problem import Problem, open_problem, read_dataset, read_problem

__all__ = ["Prepared", "prepare_resumed", "prepare_search"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search that is about to start.

    Attributes:
        problem: What is searched.
        controller: Runs it.
        news: What a watcher is told first.
        is_new: Whether no earlier search was at it.
        executor: The controller's; it has no workers yet.
        threads_per_fit: What an earlier search at it gave each fit; None without one.
    """

    problem: Problem
    controller: Controller
    news: tuple[Event, ...]
    is_new: bool
    executor: Executor
    threads_per_fit: int | None

    def start_workers(self) -> Sequence[str]:
        """Starts the workers, before the controller gives out fits, and writes their threads.

        Returns:
            What a person should know of the number of threads of a fit.
        """
        problem, controller = self.problem, self.controller
        threads, notes = staff(problem, self.executor, self.threads_per_fit)
        if threads != self.threads_per_fit:
            update_manifest(problem.run, threads_per_fit=threads)
        set_threads(controller, threads)
        # Libraries of extras are loaded after the first workers are forked: these start sooner.
        families = [family for family, _ in problem.families.values()]
        self.executor.preload([m for f in families if f.extra for m in f.preload])
        return notes


def prepare_search(
    source: Any,
    config: SearchConfig,
    registry: Registry,
    run: RunDir,
    executor: Executor,
    started: float,
    interrupted: Callable[[], bool],
    lock: RunLock,
) -> Prepared:
    """Reads the data, fixes the folds, writes both to the run, and builds the controller.

    Args:
        source: The data.
        config: The configuration.
        registry: The families.
        run: The run directory, which must be new, or one where a search was killed before it
            had begun.
        executor: Runs the fits; it is not opened yet.
        started: ``time.monotonic()`` at which the budget began to run.
        interrupted: Whether the user wants the search to finish now.
        lock: Of the run directory; it is taken here.

    Raises:
        UserError: The data, the configuration or the choice of families does not fit.
        StorageError: The disk is full, read-only or closed to us.
    """
    check_place(run, source)
    _preload(executor, registry, config, source)
    problem = read_problem(source, config, registry, run, executor.capacity())
    make_folders(run, lock)
    save_dataset(problem.dataset, run.data)
    save_split_plan(problem.plan, run.split)
    save_config(config, run.config)
    write_manifest(run, new_manifest(facts_of(problem, registry)))  # last: it makes it a run
    return _build(problem, registry, executor, started, interrupted, None)


def prepare_resumed(
    source: Any,
    config: SearchConfig,
    registry: Registry,
    run: RunDir,
    executor: Executor,
    started: float,
    interrupted: Callable[[], bool],
) -> Prepared | Over:
    """Opens what lies in a run, checks that it is what it was, and builds the controller.

    Where the run is over and gets no more budget, nothing is built or written.

    Args:
        source: The data, to be compared with that of the run; None takes what the run has.
        config: The configuration, with budgets that are totals.
        registry: The families.
        run: The run directory, whose lock is taken.
        executor: Runs the fits; it is not opened yet.
        started: ``time.monotonic()`` at which this part of the search began.
        interrupted: Whether the user wants the search to finish now.

    Raises:
        UserError: Something that must not change did, or a file of the run is damaged.
    """
    _preload(executor, registry, config, config.data_path)
    past, then = read_past(run), load_config(run.config)
    problem = open_problem(config, registry, run, executor.capacity())
    if source is not None:
        check_config(problem, then)
        check_data(problem, read_dataset(source, config, registry, problem.dataset))
    facts = facts_of(problem, registry)
    check_problem(problem, past.manifest, facts)
    if is_over(run, past, problem.plan, then, config):
        return Over(run, past)
    prepared = _build(problem, registry, executor, started - past.elapsed_s, interrupted, past)
    save_config(config, run.config)
    changes = {"budget": facts["budget"], "families": facts["families"]}
    changes["deterministic"] = past.is_deterministic
    update_manifest(run, status="running", stopped_by="", **changes)
    return prepared


def _preload(executor: Executor, registry: Registry, config: SearchConfig, source: Any) -> None:
    """Has libraries imported while the data are read.

    Those of extras can wait until the first workers are there, unless the data look like what
    their families are for.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    awaited = set[ColumnKind]()
    if path is not None and os.path.isdir(path):  # noqa: PTH112  (it never raises)
        awaited.add(ColumnKind.IMAGE)
    if config.series_id or config.wide or (path is not None and ".ts" in path.suffixes):
        awaited.add(ColumnKind.SEQUENCE)
    selected = registry.select(config.family)
    executor.preload([m for f in selected if not f.extra or f.kinds & awaited for m in f.preload])
    # The plugins too, which may take long: once, and before a worker has a fit to be late with.
    plugins = registry.modules_of([f.name for f in selected], config.metric or "")
    executor.preload([module.partition(":")[0] for module in plugins])


def _build(
    problem: Problem,
    registry: Registry,
    executor: Executor,
    started: float,
    interrupted: Callable[[], bool],
    past: Past | None,
) -> Prepared:
    """The controller of a search, new or with a past, and the news it begins with."""
    bench = Workbench(
        problem.setup, problem.run, problem.dataset, problem.plan, problem.metric, registry
    )
    executor.open(problem.setup, bench, interrupted)
    known = None if past is None else past.threads_per_fit
    controller = build_search(
        problem,
        executor,
        started=started,
        interrupted=interrupted,
        began_by_time=past is not None and not past.is_deterministic,
    )
    set_threads(controller, known or 1)
    notes = [*problem.notes]
    if past is not None:
        notes += resume(past, controller)
    news: list[Event] = [
        _started(problem),
        *(Note(text, controller.budget.elapsed_s) for text in notes),
    ]
    is_new = past is None
    return Prepared(problem, controller, tuple(news), is_new, executor, known)


def _started(problem: Problem) -> SearchStarted:
    dataset, config = problem.dataset, problem.config
    return SearchStarted(
        run=str(problem.run.path),
        n_rows=len(dataset.y),
        n_columns=len(dataset.table.used),
        target=dataset.target.name,
        task=dataset.target.task.value,
        metric=problem.metric.name,
        target_reason=dataset.target.reason,
        families=tuple(problem.families),
        split=problem.plan.reason,
        n_cpus=problem.capacity.n_cpus,
        n_gpus=len(problem.capacity.gpus),
        time_s=config.time_s,
        trials=config.trials,
    )
