"""The problem of a search: the table, its folds, its metric, and the families."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from automl.config.durations import parse_span
from automl.config.read_options import read_options
from automl.config.schema import SearchConfig
from automl.data import load_dataset, open_dataset
from automl.data.describe.leaks import leak_warnings
from automl.data.split.choose import SplitPlan, load_split_plan, make_split_plan
from automl.data.table import Dataset
from automl.metrics import GivenMetric, default_metric, get_metric, metric_tasks
from automl.plugin.metric import Metric
from automl.plugin.task import ColumnKind, Task
from automl.registry import Registry
from automl.scheduling.devices.capacity import Capacity
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup, problem_info, setup_of_run
from automl.tuning.problem.families import Families, min_cv_s, select_families
from automl.tuning.problem.fixed_params import check_fixed, fixed_notes
from automl.tuning.problem.metric_check import check_metric, metric_notes, rare_class_notes
from automl.tuning.problem.notes import notes_of

__all__ = ["Problem", "make_trial_setup", "open_problem", "read_dataset", "read_problem"]

MEMO_SHARE = 0.1  # of the memory limit of a fit on one core
DEFAULT_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Problem:
    """The problem of a search, with the devices to solve it.

    Attributes:
        run: The run directory.
        config: The configuration.
        dataset: The data.
        plan: The split plan.
        metric: Metric that models are compared by.
        setup: Setup of the workers.
        families: Family and problem by name, in the order of the first round.
        capacity: The devices.
        notes: Notes for the user, such as families and columns that are ignored, and why.
    """

    run: RunDir
    config: SearchConfig
    dataset: Dataset
    plan: SplitPlan
    metric: Metric
    setup: TrialSetup
    families: Families
    capacity: Capacity
    notes: tuple[str, ...] = ()


def read_problem(
    source: Any, config: SearchConfig, registry: Registry, run: RunDir, capacity: Capacity
) -> Problem:
    """Reads the table, chooses folds and metric, and selects the families.

    Raises:
        UserError: The data, the configuration or the choice of families does not fit.
    """
    builder = _ProblemBuilder(config, registry, run, capacity)
    dataset, search = read_dataset(source, config, registry), config.search
    metric = builder.metric(dataset)
    plan = make_split_plan(
        dataset,
        seed=config.seed,
        folds=search.folds,
        repeats=search.repeats,
        holdout_share=search.holdout_share,
        time_s=config.time_s,
        folds_s=builder.folds_s(dataset, metric),
        gap=None if search.gap is None else parse_span(search.gap),
        window=None if search.window is None else parse_span(search.window),
    )
    check_metric(dataset, plan, metric)
    return builder.problem(dataset, plan, metric)


def open_problem(
    config: SearchConfig, registry: Registry, run: RunDir, capacity: Capacity
) -> Problem:
    """Opens the table and the folds in a run, and selects the families again.

    Raises:
        UserError: A file of the run is damaged, or no family supports the data.
    """
    dataset, plan = open_dataset(run.data), load_split_plan(run.split)
    builder = _ProblemBuilder(config, registry, run, capacity)
    return builder.problem(dataset, plan, builder.metric(dataset))


def read_dataset(
    source: Any, config: SearchConfig, registry: Registry, known: Dataset | None = None
) -> Dataset:
    """Reads the table with the options of the configuration.

    Args:
        source: The data.
        config: The configuration.
        registry: The plugins, for their metrics.
        known: The data of a run, whose identifiers are used again.

    Raises:
        UserError: The data or the configuration does not fit.
    """
    return load_dataset(
        source,
        target=config.target,
        task=_task(config),
        among=metric_tasks(config.metric, registry.metrics, registry.given),
        group=config.group,
        time_column=config.time_column,
        folds_column=config.folds_column,
        weight=config.weight,
        quantiles=config.quantiles or DEFAULT_QUANTILES,
        options=read_options(config, known),
    )


@dataclass(frozen=True, slots=True)
class _ProblemBuilder:
    """Builds the problem of a search from its data.

    Attributes:
        config, registry, run, capacity: As for ``read_problem``.
    """

    config: SearchConfig
    registry: Registry
    run: RunDir
    capacity: Capacity

    def metric(self, dataset: Dataset) -> Metric:
        """The metric of the configuration, or the default of the task."""
        target, registry = dataset.target, self.registry
        name = self.config.metric or default_metric(target.task).name
        return get_metric(name, target.task, registry.metrics, target.quantiles, registry.given)

    def problem(self, dataset: Dataset, plan: SplitPlan, metric: Metric) -> Problem:
        """The problem, with the families that support it and its notes."""
        config, registry, capacity = self.config, self.registry, self.capacity
        name, kinds = config.metric or metric.name, _kinds(dataset)
        setup = make_trial_setup(self.run, config, plan.n_folds, name, capacity, registry.given)
        candidates = self._candidates(setup, dataset, metric)
        families, refused = select_families(candidates, config.family is not None, kinds)
        setup = replace(setup, plugins=registry.modules_of(families, name))
        check_fixed(families, dataset)
        threads = config.scheduler.threads_per_fit or 1
        notes = (
            *registry.remarks,
            *notes_of(dataset),
            *rare_class_notes(dataset, metric),
            *metric_notes(dataset, plan, metric),
            *leak_warnings(dataset, plan.exchangeable),
            *refused,
            *fixed_notes(families, config.model),
            *capacity.notes,
            *_device_notes(families, capacity),
            *_memory_notes(families, capacity, threads),
            *registry.notes_for(config.family, dataset.target.task, kinds),
        )
        return Problem(self.run, config, dataset, plan, metric, setup, families, capacity, notes)

    def folds_s(self, dataset: Dataset, metric: Metric) -> float:
        """Shortest time in seconds of a useful trial on folds, by the families; 0 if short."""
        setup = make_trial_setup(self.run, self.config, 1, metric.name, self.capacity)
        return min_cv_s(self._candidates(setup, dataset, metric), self.capacity)

    def _candidates(self, setup: TrialSetup, dataset: Dataset, metric: Metric) -> Families:
        """The candidate families in the order of their priority, each with its ProblemInfo."""
        chosen = self.registry.select(self.config.family)
        ordered = sorted(chosen, key=lambda f: (-f.priority, f.name))
        return {f.name: (f, problem_info(setup, dataset, metric, f)) for f in ordered}


def make_trial_setup(
    run: RunDir,
    config: SearchConfig,
    n_folds: int,
    metric: str,
    capacity: Capacity,
    given: GivenMetric | None = None,
) -> TrialSetup:
    """The setup for workers, with the devices of the run; see ``setup_of_run``.

    Args:
        run: The run directory.
        config: The configuration.
        n_folds: Folds of the split plan.
        metric: Name in the catalog, or ``module:function``.
        capacity: The devices.
        given: The metric, if the caller has it as an object.

    Raises:
        ConfigError: Such a metric cannot be sent to workers.
    """
    setup = setup_of_run(run, config, n_folds, metric, given)
    memo_gib = min(setup.memo_gib, MEMO_SHARE * capacity.limit_gib(1))
    return replace(setup, n_cpus=capacity.n_cpus, n_gpus=len(capacity.gpus), memo_gib=memo_gib)


def _kinds(dataset: Dataset) -> frozenset[ColumnKind]:
    return frozenset(column.kind for column in dataset.table.used)


def _task(config: SearchConfig) -> Task | None:
    if config.task is None:
        return Task.QUANTILE if config.quantiles else None
    return Task(config.task)


def _device_notes(families: Families, capacity: Capacity) -> Iterator[str]:
    """Families that expect to need more GPU memory than there is; they are tried anyway."""
    largest_gib = max((gpu.vram_gib for gpu in capacity.gpus), default=math.inf)
    for name, (family, problem) in families.items():
        vram_gib = family.resources(problem).vram_gib
        if vram_gib > largest_gib:
            yield (
                f"family {name} expects a fit to take {vram_gib:.1f} GiB of GPU memory, and no GPU "
                f"has more than {largest_gib:.1f} GiB free; it is tried anyway, alone on one"
            )


def _memory_notes(families: Families, capacity: Capacity, threads: int) -> Iterator[str]:
    """Families that expect to need more memory than a fit may use; they are tried anyway."""
    for name, (family, problem) in families.items():
        need = family.resources(problem)
        limit = capacity.limit_gib(max(need.n_cpus, threads))
        if need.ram_gib > limit:
            yield (
                f"family {name} expects a fit to take {need.ram_gib:.1f} GiB of memory, and a fit "
                f"is killed above {limit:.1f} GiB; it is tried anyway: "
                "scheduler.fit_memory_gib raises the limit"
            )
