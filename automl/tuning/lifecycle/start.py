"""From a problem to a controller that is ready to run."""

from __future__ import annotations

import functools
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
from automl.scheduling.local.executor import Executor, LocalExecutor
from automl.scheduling.local.inline import Inline
from automl.scheduling.local.launcher import Launcher
from automl.store.lock import RunLock
from automl.store.manifest import new_manifest, update_manifest, write_manifest
from automl.store.run_dir import RunDir
from automl.trial.worker_state import Workbench
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import Costs
from automl.tuning.budget.resources import Needs
from automl.tuning.incumbent.ensemble_tracker import Standing
from automl.tuning.incumbent.oof_store import Evidence
from automl.tuning.incumbent.predictor_cost import Forecast
from automl.tuning.lifecycle.compat import check_config, check_data, check_problem, facts_of
from automl.tuning.lifecycle.location import check_place, make_folders
from automl.tuning.lifecycle.over import Over, is_over
from automl.tuning.lifecycle.resume import Past, read_past, resume
from automl.tuning.lifecycle.threads import slots_of, staff
from automl.tuning.loop.controller import Controller
from automl.tuning.loop.dispatcher import Dispatcher
from automl.tuning.problem.problem import Problem, open_problem, read_dataset, read_problem
from automl.tuning.propose.archive import Archive
from automl.tuning.propose.proposer import Proposer
from automl.tuning.propose.storage import open_storage
from automl.tuning.propose.study import FamilyStudy
from automl.tuning.trials.ledger import Ledger

__all__ = ["Prepared", "make_controller", "prepare_resumed", "prepare_search"]

SELECTION_SHARE = 0.5  # of what is kept of the time, for the last selection of an ensemble


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search that is about to start.

    Attributes:
        problem: What is searched.
        controller: Runs it.
        news: What a watcher is told first.
        is_new: Whether no earlier search was at it.
        executor: The controller's; it has no workers yet.
        launcher: Starts them.
        threads_per_fit: What an earlier search at it gave each fit; None without one.
    """

    problem: Problem
    controller: Controller
    news: tuple[Event, ...]
    is_new: bool
    executor: LocalExecutor
    launcher: Launcher
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
        controller.proposer.costs.n_slots = slots_of(problem.pool, threads)
        controller.dispatcher.needs.threads_per_fit = threads
        # Libraries of extras are loaded after the first workers are forked: these start sooner.
        families = [family for family, _ in problem.families.values()]
        self.launcher.preload([m for f in families if f.extra for m in f.preload])
        return notes


def prepare_search(
    source: Any,
    config: SearchConfig,
    registry: Registry,
    run: RunDir,
    launcher: Launcher,
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
        launcher: Starts workers.
        started: ``time.monotonic()`` at which the budget began to run.
        interrupted: Whether the user wants the search to finish now.
        lock: Of the run directory; it is taken here.

    Raises:
        UserError: The data, the configuration or the choice of families does not fit.
        StorageError: The disk is full, read-only or closed to us.
    """
    check_place(run, source)
    _preload(launcher, registry, config, source)
    problem = read_problem(source, config, registry, run)
    make_folders(run, lock)
    save_dataset(problem.dataset, run.data)
    save_split_plan(problem.plan, run.split)
    save_config(config, run.config)
    write_manifest(run, new_manifest(facts_of(problem, registry)))  # last: it makes it a run
    return _build(problem, registry, launcher, started, interrupted, None)


def prepare_resumed(
    source: Any,
    config: SearchConfig,
    registry: Registry,
    run: RunDir,
    launcher: Launcher,
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
        launcher: Starts workers.
        started: ``time.monotonic()`` at which this part of the search began.
        interrupted: Whether the user wants the search to finish now.

    Raises:
        UserError: Something that must not change did, or a file of the run is damaged.
    """
    _preload(launcher, registry, config, config.data_path)
    past, then = read_past(run), load_config(run.config)
    problem = open_problem(config, registry, run)
    if source is not None:
        check_config(problem, then)
        check_data(problem, read_dataset(source, config, registry, problem.dataset))
    facts = facts_of(problem, registry)
    check_problem(problem, past.manifest, facts)
    if is_over(run, past, problem.plan, then, config):
        return Over(run, past)
    prepared = _build(problem, registry, launcher, started - past.elapsed_s, interrupted, past)
    save_config(config, run.config)
    changes = {"budget": facts["budget"], "families": facts["families"]}
    changes["deterministic"] = past.is_deterministic
    update_manifest(run, status="running", stopped_by="", **changes)
    return prepared


def _preload(launcher: Launcher, registry: Registry, config: SearchConfig, source: Any) -> None:
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
    launcher.preload([m for f in selected if not f.extra or f.kinds & awaited for m in f.preload])


def _build(
    problem: Problem,
    registry: Registry,
    launcher: Launcher,
    started: float,
    interrupted: Callable[[], bool],
    past: Past | None,
) -> Prepared:
    """The controller of a search, new or with a past, and the news it begins with."""
    config = problem.config
    budget = Budget(
        started,
        config.time_s,
        config.trials,
        config.search.reserve_share,
        config.scheduler.fit_timeout_s,
        began_by_time=past is not None and not past.is_deterministic,
    )
    bench = Workbench(
        problem.setup, problem.run, problem.dataset, problem.plan, problem.metric, registry
    )
    inline = Inline(bench, problem.families)
    executor = LocalExecutor(problem.setup, problem.pool, launcher, inline=inline)
    known = None if past is None else past.threads_per_fit
    controller = make_controller(problem, executor, known or 1, budget, interrupted)
    notes = [*problem.notes]
    if past is not None:
        notes += resume(past, controller)
    news: list[Event] = [_started(problem), *(Note(text, budget.elapsed_s) for text in notes)]
    is_new = past is None
    return Prepared(problem, controller, tuple(news), is_new, executor, launcher, known)


def make_controller(
    problem: Problem,
    executor: Executor,
    threads: int,
    budget: Budget,
    interrupted: Callable[[], bool],
) -> Controller:
    """Builds a search around an executor.

    Args:
        problem: What is searched.
        executor: Runs the fits.
        threads: Threads of one fit.
        budget: The budget.
        interrupted: Whether the user wants the search to finish now.
    """
    run, config, families = problem.run, problem.config, problem.families
    n_slots = slots_of(problem.pool, threads)
    objectives, prune_on = config.search.objectives, config.search.prune_on
    storage = functools.cache(lambda: open_storage(run.study))
    studies = {
        name: FamilyStudy(family, shape, storage, config.sampler, config.seed, len(objectives))
        for name, (family, shape) in families.items()
    }
    ledger = Ledger(problem.metric, objectives=objectives, prune_on=prune_on or objectives[0])
    costs = Costs(families, problem.plan, ledger, budget, n_slots)
    evidence = Evidence(run, problem.dataset, problem.plan, problem.metric, Forecast(config.limits))
    proposer = Proposer(families, studies, ledger, config, budget, costs, evidence, run)
    needs = Needs(families, ledger, threads)
    finish_limit_s = None if budget.reserve_s is None else SELECTION_SHARE * budget.reserve_s
    return Controller(
        run=run,
        config=config,
        families=families,
        executor=executor,
        proposer=proposer,
        dispatcher=Dispatcher(
            families, executor, proposer, ledger, budget, costs, config.seed, needs
        ),
        standing=Standing(evidence, config.ensemble, families, config.seed, finish_limit_s),
        ledger=ledger,
        budget=budget,
        archive=Archive(studies, ledger),
        interrupted=interrupted,
    )


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
        n_cpus=problem.pool.n_cpus,
        n_gpus=len(problem.pool.gpus),
        time_s=config.time_s,
        trials=config.trials,
    )
