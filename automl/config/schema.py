"""The typed, closed configuration of a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "OBJECTIVES",
    "DataConfig",
    "EnsembleConfig",
    "LimitsConfig",
    "PluginsConfig",
    "PrunerConfig",
    "SamplerConfig",
    "SchedulerConfig",
    "SearchConfig",
    "SearchOptions",
]

OBJECTIVES = ("score", "predict_ms", "size_mb")
"""What a search may optimise; a score goes by its metric's direction, the others are kept low."""


DECIMALS = {"point": ".", "comma": ","}
"""Decimal marks by their names, which need no quotes on a command line."""


@dataclass
class DataConfig:
    """How the table is read.

    Attributes:
        kinds: Kinds set by the user, by column name: ``data.kinds={zip: categorical}``.
        drop: Names of columns to leave out.
        sql: Query to run when DATA is a database URL.
        sheet: Name of the sheet of an Excel file, or its number from 1; null for the first.
        delimiter: Of a text file; found out when null.
        missing: Further texts that stand for a missing value.
        keep: Texts that would stand for a missing value, and are values here: ``data.keep=[NA]``.
        decimal: Decimal mark of numbers in texts, ``point`` or ``comma``; found out for each column
            when null.
        channels: Columns with the values of a step, where rows are steps of series; found out
            when empty.
        series_table: Path of a table with a row for each series, such as its target, where the
            data have a row for each step.
        image_side: Images are scaled down so that their longer side has at most so many pixels.
        strict: Whether values that fit no reading of their column, such as words in a column of
            numbers, are an error, in the data of a search and in new rows; else they count as
            missing and are named.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    drop: list[str] = field(default_factory=list)
    sql: str | None = None
    sheet: str | None = None
    delimiter: str | None = None
    missing: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    decimal: str | None = None
    channels: list[str] = field(default_factory=list)
    series_table: str | None = None
    image_side: int = 96
    strict: bool = False


@dataclass
class SearchOptions:
    """How much is tried, and on what folds.

    Attributes:
        folds: Folds of the split plan; null chooses by rows and budget. 1 is a holdout.
        repeats: Repeats of the folds with other divisions; null chooses.
        holdout_share: Share of rows held out when folds is 1; null chooses.
        gap: What is left out between training and validation rows in order of time: a duration
            such as ``7d``, ``12h`` or ``30min``, or a number of distinct times; null for nothing.
        window: How far back training rows reach, in the same units; null for all.
        max_trials_per_family: At most so many trials of one family; null for no limit.
        reserve_share: Share of a minute kept for the last ensemble and for saving; of longer
            budgets less, with the root of the time.
        keep_models: ``all`` keeps the models of every complete trial, ``members`` only those of
            the ensemble.
        objectives: What is optimised: ``score`` first, then any of ``predict_ms``, milliseconds
            to predict 1,000 rows, and ``size_mb``, 10^6 bytes of models.
        prune_on: The objective that trials are pruned by; null is the only one there is.
    """

    folds: int | None = None
    repeats: int | None = None
    holdout_share: float | None = None
    gap: str | None = None
    window: str | None = None
    max_trials_per_family: int | None = None
    reserve_share: float = 0.04
    keep_models: str = "all"
    objectives: list[str] = field(default_factory=lambda: ["score"])
    prune_on: str | None = None


@dataclass
class SamplerConfig:
    """Who proposes params after the portfolio.

    Attributes:
        name: ``tpe``, ``random``, ``gp`` or ``cmaes``.
        startup_trials: Random trials of a family before the sampler models anything.
    """

    name: str = "tpe"
    startup_trials: int = 8


@dataclass
class PrunerConfig:
    """When a trial stops early.

    Attributes:
        name: ``forgiving``, ``median``, ``wilcoxon``, ``halving``, ``hyperband`` or ``none``.
        startup_trials: Complete trials a family needs before any of its trials is pruned.
        warmup_steps: Reports of a fit that are never pruned.
    """

    name: str = "forgiving"
    startup_trials: int = 3
    warmup_steps: int = 1


@dataclass
class SchedulerConfig:
    """Where fits run.

    Attributes:
        name: ``local``, ``inline``, or an executor of a plugin.
        cpus: CPU cores to use; null takes what affinity and cgroup allow.
        gpus: Indices of the GPUs to use; null takes all, [] none.
        gpu_slots: At most so many fits share one GPU; null for as many as go in by memory.
        threads_per_fit: Threads of one fit; null is one, unless its family or a probe asks for
            more.
        fit_timeout_s: Seconds after which one fit is killed, once its fold is encoded; null derives
            it from the budget.
        memory_gib: Memory of all fits together, in GiB; null takes 80 % of what is available.
        fit_memory_gib: Memory at which one fit is ended, in GiB; null shares ``memory_gib`` out.
    """

    name: str = "local"
    cpus: int | None = None
    gpus: list[int] | None = None
    gpu_slots: int | None = None
    threads_per_fit: int | None = None
    fit_timeout_s: float | None = None
    memory_gib: float | None = None
    fit_memory_gib: float | None = None


@dataclass
class EnsembleConfig:
    """How members are chosen.

    Attributes:
        enabled: Without it the best single trial predicts.
        steps: Steps of greedy selection with replacement.
        max_members: At most so many members.
        refit: Whether members are refitted on all rows at the end, in place of the models of
            their folds: predictions are faster, and the refits have no score. Null does it where
            rows are many and it is expected to be as good.
    """

    enabled: bool = True
    steps: int = 25
    max_members: int = 12
    refit: bool | None = None


@dataclass
class LimitsConfig:
    """What the predictor may cost, all its models together.

    Attributes:
        predict_ms: Milliseconds to predict 1,000 rows; null for no limit.
        size_mb: Size of its models, in units of 10^6 bytes; null for no limit.
    """

    predict_ms: float | None = None
    size_mb: float | None = None


@dataclass
class PluginsConfig:
    """Plugins beside the installed ones.

    Attributes:
        modules: Importable modules to register as plugins without an entry point.
        block: Distributions whose plugins are not loaded.
    """

    modules: list[str] = field(default_factory=list)
    block: list[str] = field(default_factory=list)


@dataclass
class SearchConfig:
    """Everything that steers a search, as composed and saved in the run.

    The fields up to ``preset`` are plain options of the command line; the rest are Hydra groups.

    Attributes:
        data_path: What DATA named; null for a data frame.
        target: Column to predict; null guesses.
        task: ``binary``, ``multiclass``, ``regression`` or ``quantile``; null guesses.
        quantiles: Levels that a quantile task predicts; null takes 0.1, 0.5 and 0.9.
        metric: Name in the catalog, or ``module:function``; null takes the default of the task.
        time_s: Wall-clock budget in seconds; null without one.
        trials: Trial budget; null without one.
        seed: Of the whole run.
        group, time_column, folds_column, weight: Names of columns that steer splits and weights.
        series_id: Column that says which series a row is a step of; null where rows are no steps.
        step: Column that orders the steps of a series; null takes the order of the rows.
        wide: Prefixes of the columns that are the steps of a series, one for each channel.
        preset: Name of the preset that was composed in.
        family: Names of the families to try; null tries all that are installed and fit.
        model: Settings by family.
    """

    data_path: str | None = None
    target: str | None = None
    task: str | None = None
    quantiles: list[float] | None = None
    metric: str | None = None
    time_s: float | None = 600.0
    trials: int | None = None
    seed: int = 0
    group: str | None = None
    time_column: str | None = None
    folds_column: str | None = None
    weight: str | None = None
    series_id: str | None = None
    step: str | None = None
    wide: list[str] | None = None
    preset: str = "balanced"
    family: list[str] | None = None
    data: DataConfig = field(default_factory=DataConfig)
    model: dict[str, Any] = field(default_factory=dict)
    search: SearchOptions = field(default_factory=SearchOptions)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    pruner: PrunerConfig = field(default_factory=PrunerConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    plugins: PluginsConfig = field(default_factory=PluginsConfig)
