"""Prepares a new or resumed search: data, split plan, manifest, and the controller."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.config.saved import load_config, save_config
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
from automl.trial.worker_state import WorkerState
from automl.tuning.lifecycle.build import build_search
from automl.tuning.lifecycle.compat import check_config, check_data, check_problem, manifest_facts
from automl.tuning.lifecycle.finished_run import FinishedRun, is_over
from automl.tuning.lifecycle.location import check_place, make_folders
from automl.tuning.lifecycle.resume import EarlierSearch, read_earlier_search, restore_trials
from automl.tuning.lifecycle.threads import choose_threads, set_threads
from automl.tuning.loop.controller import Controller
from automl.tuning.problem.problem import Problem, open_problem, read_dataset, read_problem

__all__ = ["PreparedSearch", "SearchInputs", "resume_search", "start_search"]


@dataclass(frozen=True, slots=True)
class PreparedSearch:
    """A search that is about to start.

    Attributes:
        problem: The problem.
        controller: Runs the search.
        first_events: Events to yield before those of the controller.
        is_new: Whether there was no earlier search in the run.
        executor: The controller's; it has no workers yet.
        threads_per_fit: Threads of one fit in the earlier search; None without one.
    """

    problem: Problem
    controller: Controller
    first_events: tuple[Event, ...]
    is_new: bool
    executor: Executor
    threads_per_fit: int | None

    def warm_up(self) -> None:
        """Starts the workers that are sure to be needed; they open the data meanwhile."""
        given = self.problem.config.scheduler.threads_per_fit or self.threads_per_fit
        self.executor.warm_up(self.problem.capacity.n_slots(given or 1))

    def start_workers(self) -> Sequence[str]:
        """Starts the workers, chooses the threads of a fit, and records them in the manifest.

        Libraries of extras are imported from now on, by priority. Where the first trial fills all
        slots and no GPU waits for them, each is imported only when its family has its first fit:
        it would slow down the fits before, and a short search may never need it.

        Returns:
            Notes for the user on the number of threads.
        """
        problem, controller = self.problem, self.controller
        threads, notes = choose_threads(problem, self.executor, self.threads_per_fit)
        if threads != self.threads_per_fit:
            update_manifest(problem.run, threads_per_fit=threads)
        set_threads(controller, threads)
        capacity = problem.capacity
        if capacity.gpus or capacity.n_slots(threads) > problem.plan.n_folds:
            families = [family for family, _ in problem.families.values()]
            self.executor.preload([m for f in families if f.extra for m in f.preload])
        return notes


@dataclass(frozen=True, slots=True)
class SearchInputs:
    """What a search is started or resumed with.

    Attributes:
        source: The data; to be compared with that of the run on resume, None uses the run's own.
        config: The configuration; budgets are totals.
        registry: The families.
        run: The run directory; for a new search a new one, or one where a search was killed before
            it started.
        executor: Runs the fits; it is not opened yet.
        started: ``time.monotonic()`` at the start of this part of the search.
        interrupted: Whether the user wants the search to finish now.
        lock: Lock of the run directory; it is acquired here.
    """

    source: Any
    config: SearchConfig
    registry: Registry
    run: RunDir
    executor: Executor
    started: float
    interrupted: Callable[[], bool]
    lock: RunLock


def start_search(given: SearchInputs) -> PreparedSearch:
    """Reads the data, fixes the folds, writes both to the run, and builds the controller.

    Raises:
        UserError: The data, the configuration or the choice of families does not fit.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    source, config, registry, run = given.source, given.config, given.registry, given.run
    check_place(run, source)
    _preload(given, source)
    problem = read_problem(source, config, registry, run, given.executor.capacity())
    make_folders(run, given.lock)
    save_dataset(problem.dataset, run.data)
    save_split_plan(problem.plan, run.split)
    save_config(config, run.config)
    write_manifest(run, new_manifest(manifest_facts(problem, registry)))  # last: now it is a run
    return _build(given, problem, None)


def resume_search(given: SearchInputs) -> PreparedSearch | FinishedRun:
    """Opens the problem of a run, checks that it is unchanged, and builds the controller.

    For a finished run without more budget, nothing is built or written.

    Raises:
        UserError: Something that must not change did, or a file of the run is damaged.
    """
    config, registry, run = given.config, given.registry, given.run
    given.lock.acquire()
    _preload(given, config.data_path)
    earlier, then = read_earlier_search(run), load_config(run.config)
    problem = open_problem(config, registry, run, given.executor.capacity())
    if given.source is not None:
        check_config(problem, then)
        check_data(problem, read_dataset(given.source, config, registry, problem.dataset))
    facts = manifest_facts(problem, registry)
    check_problem(problem, earlier.manifest, facts)
    if is_over(run, earlier, problem.plan, then, config):
        return FinishedRun(run, earlier)
    prepared = _build(given, problem, earlier)
    save_config(config, run.config)
    changes = {"budget": facts["budget"], "families": facts["families"]}
    changes["deterministic"] = earlier.is_deterministic
    update_manifest(run, status="running", stopped_by="", **changes)
    return prepared


def _preload(given: SearchInputs, source: Any) -> None:
    """Starts the import of libraries while the data are read.

    Those of extras can wait until the first workers exist, unless the data look as if their
    families were needed.
    """
    config, registry, executor = given.config, given.registry, given.executor
    path = Path(source) if isinstance(source, str | Path) else None
    awaited = set[ColumnKind]()
    if path is not None and os.path.isdir(path):  # noqa: PTH112  (it never raises)
        awaited.add(ColumnKind.IMAGE)
    if config.series_id or config.wide or (path is not None and ".ts" in path.suffixes):
        awaited.add(ColumnKind.SEQUENCE)
    selected = sorted(registry.select(config.family), key=lambda f: -f.priority)
    executor.preload([m for f in selected if not f.extra or f.kinds & awaited for m in f.preload])
    # The plugins too, as they may be slow: once, and before a worker has a fit with a deadline.
    plugins = registry.modules_of([f.name for f in selected], config.metric or "")
    executor.preload([module.partition(":")[0] for module in plugins])


def _build(given: SearchInputs, problem: Problem, earlier: EarlierSearch | None) -> PreparedSearch:
    """The controller of a new or resumed search, with its first events."""
    executor, started = given.executor, given.started
    state = WorkerState(
        problem.setup, problem.run, problem.dataset, problem.plan, problem.metric, given.registry
    )
    executor.open(problem.setup, state, given.interrupted)
    known = None if earlier is None else earlier.threads_per_fit
    controller = build_search(
        problem,
        executor,
        started=started if earlier is None else started - earlier.elapsed_s,
        interrupted=given.interrupted,
        began_by_time=earlier is not None and not earlier.is_deterministic,
    )
    set_threads(controller, known or 1)
    notes = [*problem.notes, *(() if earlier is None else restore_trials(earlier, controller))]
    told = (Note(text, controller.budget.elapsed_s) for text in notes)
    events: list[Event] = [_started(problem), *told]
    return PreparedSearch(problem, controller, tuple(events), earlier is None, executor, known)


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
