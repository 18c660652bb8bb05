"""From a problem to a controller that is ready to run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from automl.config import save_config
from automl.config.schema import SearchConfig
from automl.data import fingerprint, save_dataset
from automl.data.split import save_split_plan
from automl.errors import RunError
from automl.registry import Registry
from automl.scheduling.executor import LocalExecutor
from automl.scheduling.launch import Launcher
from automl.search.budget import Budget
from automl.search.controller import Controller
from automl.search.dispatch import Dispatcher
from automl.search.events import Event, Note, SearchStarted
from automl.search.ledger import Ledger
from automl.search.problem import Problem, read_problem
from automl.search.proposer import Proposer
from automl.search.standing import Standing
from automl.search.study import FamilyStudy, open_storage
from automl.store.manifest import new_manifest, write_manifest
from automl.store.run_dir import RunDir

__all__ = ["Prepared", "prepare_search"]

FINISH_SHARE = 0.02  # of the time budget, for the last selection of an ensemble


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search that is about to start.

    Attributes:
        controller: Runs it.
        news: What a watcher is told first.
    """

    controller: Controller
    news: tuple[Event, ...]


def prepare_search(
    source: Any,
    config: SearchConfig,
    registry: Registry,
    run: RunDir,
    launcher: Launcher,
    budget: Budget,
    interrupted: Callable[[], bool],
) -> Prepared:
    """Reads the data, fixes the folds, writes both to the run, and joins the rooms.

    Raises:
        UserError: The data, the configuration or the choice of families does not fit.
    """
    selected = registry.select(config.family)
    launcher.preload([m for f in selected if not f.extra for m in f.preload])
    problem = read_problem(source, config, registry, run)
    _write_run(problem, registry)
    controller = _controller(problem, launcher, budget, interrupted)
    # Libraries of extras are loaded after the first workers are forked: these start sooner.
    families = [family for family, _ in problem.families.values()]
    launcher.preload([m for f in families if f.extra for m in f.preload])
    notes = (Note(text, budget.elapsed_s) for text in problem.notes)
    return Prepared(controller, (_started(problem), *notes))


def _write_run(problem: Problem, registry: Registry) -> None:
    """Makes the run directory; the manifest comes last and makes it a run."""
    run, dataset, plan, config = problem.run, problem.dataset, problem.plan, problem.config
    if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
        raise RunError(f"{run.path} exists and is not empty: choose another --out, or remove it")
    try:
        for folder in (run.path, run.trials, run.views, run.ensemble):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the run cannot be written to {run.path}: {error.strerror}") from None
    save_dataset(dataset, run.data)
    save_split_plan(plan, run.split)
    save_config(config, run.config)
    origins = {name: registry.families[name] for name in problem.families}
    facts = {
        "data": {
            "path": config.data_path,
            "n_rows": len(dataset.y),
            "fingerprint": fingerprint(dataset),
        },
        "target": dataset.target.name,
        "task": dataset.target.task.value,
        "metric": {
            "name": problem.metric.name,
            "greater_is_better": problem.metric.greater_is_better,
        },
        "split": {"kind": plan.kind, "n_folds": plan.n_folds, "digest": plan.digest},
        "seed": config.seed,
        "budget": {"time_s": config.time_s, "trials": config.trials},
        "families": {
            name: {"distribution": r.distribution, "version": r.version}
            for name, r in origins.items()
        },
    }
    write_manifest(run, new_manifest(facts))


def _controller(
    problem: Problem, launcher: Launcher, budget: Budget, interrupted: Callable[[], bool]
) -> Controller:
    run, config, families = problem.run, problem.config, problem.families
    threads = config.scheduler.threads_per_fit or 1
    n_slots = max(1, problem.pool.n_cpus // threads)
    executor = LocalExecutor(problem.setup, problem.pool, launcher)
    executor.warm_up(n_slots)
    storage = functools.cache(lambda: open_storage(run.study))
    studies = {
        name: FamilyStudy(family, shape, storage, config.sampler, config.seed)
        for name, (family, shape) in families.items()
    }
    ledger = Ledger(problem.metric)
    proposer = Proposer(families, studies, problem.plan, ledger, config, budget, n_slots)
    finish_limit_s = None if config.time_s is None else FINISH_SHARE * config.time_s
    return Controller(
        run=run,
        config=config,
        families=families,
        executor=executor,
        proposer=proposer,
        dispatcher=Dispatcher(families, executor, proposer, ledger, budget, config.seed, threads),
        standing=Standing(
            run,
            problem.dataset,
            problem.plan,
            problem.metric,
            config.ensemble,
            families,
            config.seed,
            finish_limit_s,
        ),
        ledger=ledger,
        budget=budget,
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
