"""From a configuration and a table to a controller that is ready to run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl.config import save_config
from automl.config.schema import SearchConfig
from automl.data import ReadOptions, fingerprint, load_dataset, save_dataset
from automl.data.split import SplitPlan, make_split_plan, save_split_plan
from automl.data.table import Dataset
from automl.errors import ConfigError, PluginError, RunError, did_you_mean
from automl.metrics import default_metric, get_metric
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.plugin.metric import Metric
from automl.plugin.task import Task
from automl.registry import Registry
from automl.scheduling.devices import DevicePool, available_cpus, find_gpus
from automl.scheduling.executor import LocalExecutor
from automl.scheduling.launch import Launcher
from automl.search.budget import Budget
from automl.search.controller import Controller
from automl.search.dispatch import Dispatcher
from automl.search.events import Note, SearchStarted
from automl.search.ledger import Ledger
from automl.search.proposer import Proposer
from automl.search.standing import Standing
from automl.search.study import FamilyStudy, open_storage
from automl.store.manifest import new_manifest, write_manifest
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup, family_shape

FINISH_SHARE = 0.02  # of the time budget, for the last selection of an ensemble

__all__ = ["Prepared", "prepare_search", "read_options", "trial_setup"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search that is about to start.

    Attributes:
        controller: Runs it.
        started: What a watcher is told first.
        notes: What a watcher should know beside.
    """

    controller: Controller
    started: SearchStarted
    notes: tuple[Note, ...]


def read_options(config: SearchConfig) -> ReadOptions:
    """How the configuration wants tables to be read."""
    data = config.data
    return ReadOptions(
        kinds=dict(data.kinds),
        drop=tuple(data.drop),
        sql=data.sql,
        delimiter=data.delimiter,
        missing=tuple(data.missing),
    )


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
    families = sorted(registry.select(config.family), key=lambda f: (-f.priority, f.name))
    launcher.preload([m for f in families if not f.extra for m in f.preload])
    dataset = load_dataset(
        source,
        target=config.target,
        task=_task(config.task),
        group=config.group,
        time_column=config.time_column,
        folds_column=config.folds_column,
        weight=config.weight,
        options=read_options(config),
    )
    task = dataset.target.task
    name = config.metric or default_metric(task).name
    metric = get_metric(name, task, registry.metrics)
    plan = make_split_plan(
        dataset,
        seed=config.seed,
        folds=config.search.folds,
        repeats=config.search.repeats,
        holdout_share=config.search.holdout_share,
        time_s=config.time_s,
    )
    pool = _devices(config)
    setup = trial_setup(run, config, plan, name, pool)
    shapes = {f.name: (f, family_shape(setup, dataset, metric, f)) for f in families}
    chosen, refused = _willing(shapes, named=config.family is not None)
    _write_run(run, config, dataset, plan, metric, registry, chosen)
    controller = _controller(run, config, dataset, plan, metric, setup, chosen, pool, launcher,
                             budget, interrupted)  # fmt: skip
    launcher.preload([m for f, _ in chosen.values() if f.extra for m in f.preload])
    notes = [*registry.notes(), *_notes(dataset), *refused]
    return Prepared(
        controller,
        _started(run, dataset, plan, metric, chosen, pool, config),
        tuple(Note(text, budget.elapsed_s) for text in notes),
    )


def trial_setup(
    run: RunDir, config: SearchConfig, plan: SplitPlan, metric: str, pool: DevicePool | None = None
) -> TrialSetup:
    """What workers are told.

    Args:
        run: The run directory.
        config: The configuration.
        plan: The split plan.
        metric: Name in the catalog, or ``module:function``.
        pool: The devices; None where nothing will be fitted.
    """
    return TrialSetup(
        run=str(run.path.resolve()),
        metric=metric,
        seed=config.seed,
        n_folds=plan.n_folds,
        n_cpus=pool.n_cpus if pool else 1,
        n_gpus=len(pool.gpus) if pool else 0,
        time_s=config.time_s,
        settings={name: dict(settings) for name, settings in config.model.items()},
        modules=tuple(config.plugins.modules),
        block=tuple(config.plugins.block),
    )


def _task(name: str | None) -> Task | None:
    if name is None:
        return None
    if name not in list(Task):
        choices = ", ".join(Task)
        raise ConfigError(f"task {name!r}: choose one of {choices}{did_you_mean(name, Task)}")
    return Task(name)


def _devices(config: SearchConfig) -> DevicePool:
    scheduler = config.scheduler
    n_cpus = scheduler.cpus or available_cpus()
    return DevicePool(n_cpus, find_gpus(scheduler.gpus), scheduler.gpu_slots)


def _willing(
    shapes: Mapping[str, tuple[ModelFamily, Shape]], named: bool
) -> tuple[dict[str, tuple[ModelFamily, Shape]], list[str]]:
    """Families that take such data; for the others the reasons."""
    chosen, refused = {}, []
    for name, (family, shape) in shapes.items():
        if shape.task not in family.tasks:
            why: str | None = f"it is not for {shape.task.value} tasks"
        elif shape.n_columns == 0:
            why = "no column is of a kind it takes"
        else:
            why = family.accepts(shape)
        if why is None:
            chosen[name] = (family, shape)
        else:
            refused.append(f"family {name} is not tried: {why}")
    if not chosen:
        hint = "name other families" if named else "install a plugin that brings one"
        raise PluginError("no family takes this data: " + "; ".join(refused or [hint]))
    return chosen, refused


def _write_run(
    run: RunDir,
    config: SearchConfig,
    dataset: Dataset,
    plan: SplitPlan,
    metric: Metric,
    registry: Registry,
    chosen: Mapping[str, Any],
) -> None:
    """Makes the run directory; the manifest comes last and makes it a run."""
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
    families = {
        name: {"distribution": r.distribution, "version": r.version}
        for name, r in registry.families.items()
        if name in chosen
    }
    facts = {
        "data": {
            "path": config.data_path,
            "n_rows": len(dataset.y),
            "fingerprint": fingerprint(dataset),
        },
        "target": dataset.target.name,
        "task": dataset.target.task.value,
        "metric": {"name": metric.name, "greater_is_better": metric.greater_is_better},
        "split": {"kind": plan.kind, "n_folds": plan.n_folds, "digest": plan.digest},
        "seed": config.seed,
        "budget": {"time_s": config.time_s, "trials": config.trials},
        "families": families,
    }
    write_manifest(run, new_manifest(facts))


def _controller(
    run: RunDir,
    config: SearchConfig,
    dataset: Dataset,
    plan: SplitPlan,
    metric: Metric,
    setup: TrialSetup,
    chosen: Mapping[str, tuple[ModelFamily, Shape]],
    pool: DevicePool,
    launcher: Launcher,
    budget: Budget,
    interrupted: Callable[[], bool],
) -> Controller:
    threads = config.scheduler.threads_per_fit or 1
    executor = LocalExecutor(setup, pool, launcher)
    executor.warm_up(pool.n_cpus // threads)
    storage = functools.cache(lambda: open_storage(run.study))
    studies = {
        name: FamilyStudy(family, shape, storage, config.sampler, config.seed)
        for name, (family, shape) in chosen.items()
    }
    ledger = Ledger(metric)
    n_slots = max(1, pool.n_cpus // threads)
    proposer = Proposer(chosen, studies, plan, ledger, config, budget, n_slots)
    dispatcher = Dispatcher(chosen, executor, proposer, ledger, budget, config.seed, threads)
    standing = Standing(
        run,
        dataset,
        plan,
        metric,
        config.ensemble,
        chosen,
        config.seed,
        finish_limit_s=None if config.time_s is None else FINISH_SHARE * config.time_s,
    )
    return Controller(
        run=run,
        config=config,
        families=chosen,
        executor=executor,
        proposer=proposer,
        dispatcher=dispatcher,
        standing=standing,
        ledger=ledger,
        budget=budget,
        interrupted=interrupted,
    )


def _notes(dataset: Dataset) -> Sequence[str]:
    notes = [
        f"column {c.name!r} is left out: {c.left_out}" for c in dataset.table.columns if c.left_out
    ]
    if dataset.n_dropped:
        notes.append(f"{dataset.n_dropped} rows are left out: they have no target")
    return notes


def _started(
    run: RunDir,
    dataset: Dataset,
    plan: SplitPlan,
    metric: Metric,
    chosen: Mapping[str, Any],
    pool: DevicePool,
    config: SearchConfig,
) -> SearchStarted:
    return SearchStarted(
        run=str(run.path),
        n_rows=len(dataset.y),
        n_columns=len(dataset.table.used),
        target=dataset.target.name,
        task=dataset.target.task.value,
        metric=metric.name,
        target_reason=dataset.target.reason,
        families=tuple(chosen),
        split=plan.reason,
        n_cpus=pool.n_cpus,
        n_gpus=len(pool.gpus),
        time_s=config.time_s,
        trials=config.trials,
    )
