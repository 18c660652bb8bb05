"""Declares every option of a search in a typed, closed schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automl.config.durations import span_of, time_of
from automl.config.option import option

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
"""Objectives: the score in the direction of its metric, the others minimised."""


DECIMALS = {"point": ".", "comma": ","}
"""Decimal marks by names that need no quotes on a command line."""

TASKS = ("binary", "multiclass", "regression", "quantile")
KINDS = ("numeric", "categorical", "boolean", "datetime", "text", "image", "sequence")
"""Copies of the names in ``automl.plugin``, whose import would double the time of ``--help``."""

SECTIONS = LEARN, DIVIDE, READ, EFFORT = (
    "what to learn",
    "how rows are divided",
    "how the table is read",
    "how much to try",
)
"""Headings of flags in the help of the command line, in order."""


def _column(help: str, section: str) -> Any:
    """Declares an option that names a column and may not change on resume."""
    return option(help, section=section, is_fixed=True)


@dataclass
class DataConfig:
    """Options for reading the table."""

    kinds: dict[str, str] = option(
        "kinds by column name: `data.kinds={zip: categorical}`; numeric, categorical, boolean, "
        "datetime, text, image or sequence",
        dict,
        choices=KINDS,
    )
    drop: list[str] = option("columns to ignore", list)
    sql: str | None = option("query to run when DATA is the URL of a database")
    sheet: str | None = option(
        "sheet of an Excel file, by its name or its number from 1; by default the first one "
        "that is not hidden",
        section=READ,
        metavar="NAME",
        is_argument=False,
    )
    delimiter: str | None = option("delimiter of a text file; null detects it")
    encoding: str | None = option(
        "encoding of a text file, such as cp1250, gbk or shift_jis; null detects UTF-8, UTF-16 "
        "and cp1252"
    )
    missing: list[str] = option("additional strings that mean a missing value", list)
    keep: list[str] = option(
        "strings that are values here, although they usually mean a missing value, such as `[NA]`",
        list,
    )
    decimal: str | None = option(
        "decimal mark of numbers in texts, `point` or `comma`; null detects it for each column",
        choices=tuple(DECIMALS),
    )
    channels: list[str] = option(
        "columns with the values of a step, if rows are steps; [] takes numeric columns that vary"
        " within a series",
        list,
    )
    series_table: str | None = option(
        "table with one row per series, for example with its target, joined by series id",
        section=READ,
        metavar="FILE",
        is_argument=False,
    )
    image_side: int = option("largest length of the longer side of an image, in pixels", 96, low=8)
    strict: bool = option(
        "whether unreadable values (a word in a column of numbers) are an error, in the data of a"
        " search and in new rows (`predict`, `--test`); else they count as missing and are "
        "reported",
        False,
    )


@dataclass
class SearchOptions:
    """Folds, number of trials and objectives."""

    folds: int | None = option(
        "folds of the split plan; 1 is a holdout; null chooses by rows and budget",
        low=1,
        is_fixed=True,
    )
    repeats: int | None = option(
        "number of repeats of the folds; null chooses", low=1, is_fixed=True
    )
    holdout_share: float | None = option(
        "share of rows held out when there is one fold; null chooses",
        above=0,
        below=1,
        is_fixed=True,
    )
    gap: str | None = option(
        "gap between training and validation rows in a time plan: a duration such as 7d, 12h or "
        "30min, or a number of distinct times",
        section=DIVIDE,
        metavar="SPAN",
        is_fixed=True,
        parse=span_of,
    )
    window: str | None = option(
        "length of the rolling window of training rows in a time plan, in the same units; the "
        "final models train on the last one; null takes all earlier rows",
        is_fixed=True,
        parse=span_of,
    )
    max_trials_per_family: int | None = option("largest number of trials of each family", low=1)
    reserve_share: float = option(
        "share of a minute kept for the last ensemble and for saving; less of longer budgets",
        0.04,
        above=0,
        below=1,
    )
    keep_models: str = option(
        "`all` keeps the models of every complete trial, `members` those of the ensemble",
        "all",
        choices=("all", "members"),
    )
    stop_early: bool = option(
        "whether to stop before the time is spent, once the ensemble has gained next to nothing "
        "for 30 % of it",
        False,
    )
    objectives: list[str] = option(
        "what is optimised: `score` first, then any of `predict_ms` (milliseconds to predict "
        "1,000 rows) and `size_mb` (10^6 bytes of models)",
        lambda: ["score"],
        choices=OBJECTIVES,
    )
    prune_on: str | None = option(
        "objective used for pruning; required with several objectives and a pruner; null takes "
        "the only one",
        choices=OBJECTIVES,
    )


@dataclass
class SamplerConfig:
    """Sampler that proposes params after the portfolio."""

    name: str = option(
        "sampler of params after the portfolio: `tpe`, `random`, `gp` or `cmaes`; the last "
        "two need the extra of that name",
        "tpe",
        choices=("tpe", "random", "gp", "cmaes"),
    )
    startup_trials: int = option(
        "random trials of a family before the sampler uses its model", 8, low=0
    )


@dataclass
class PrunerConfig:
    """Pruner that stops trials early."""

    name: str = option(
        "pruning rule",
        "forgiving",
        choices=("forgiving", "median", "wilcoxon", "halving", "hyperband", "none"),
    )
    startup_trials: int = option(
        "complete trials of a family before any of its trials is pruned", 3, low=0
    )
    warmup_steps: int = option("reports of a fit before it can be pruned", 1, low=0)


@dataclass
class SchedulerConfig:
    """Executor and its resources."""

    name: str = option(
        "where fits run: `local` (worker processes), `inline` (one fit after another in the "
        "process of the search), or an executor of a plugin",
        "local",
    )
    cpus: int | None = option("cores to use; null takes what affinity and cgroup allow", low=1)
    gpus: list[int] | None = option("indices of the GPUs to use; null takes all, [] none", low=0)
    gpu_slots: int | None = option(
        "largest number of fits that share one GPU; null is limited by shares and memory",
        low=1,
    )
    threads_per_fit: int | None = option(
        "threads of one fit; null is one, unless its family or a probe asks for more", low=1
    )
    fit_timeout_s: float | None = option(
        "seconds after which a fit is killed, once its fold is encoded; null derives it from "
        "the budget",
        above=0,
    )
    memory_gib: float | None = option(
        "memory of all fits together, in GiB; null takes 80 % of what is available at the start",
        above=0,
    )
    fit_memory_gib: float | None = option(
        "memory in GiB at which a fit is killed; null is its share of `scheduler.memory_gib` by "
        "cores, at least 1",
        above=0,
    )


@dataclass
class EnsembleConfig:
    """Choice and refit of members."""

    enabled: bool = option(
        "whether to build an ensemble; else the best single trial predicts", True
    )
    steps: int = option("steps of greedy selection with replacement", 25, low=1)
    max_members: int = option("largest number of members", 12, low=1)
    refit: bool | None = option(
        "whether members are refitted on all rows at the end, in place of the models of their "
        "folds; null: from 10,000 rows on, if that is expected to be as good, and always with "
        "rows in order of time"
    )


@dataclass
class LimitsConfig:
    """Upper bounds for the predictor."""

    predict_ms: float | None = option(
        "largest time to predict 1,000 rows with all models of the predictor, in milliseconds",
        above=0,
    )
    size_mb: float | None = option(
        "largest size of all models of the predictor, in units of 10^6 bytes", above=0
    )


@dataclass
class PluginsConfig:
    """Plugins to load or to block."""

    modules: list[str] = option("importable modules to load as plugins", list)
    block: list[str] = option("distributions whose plugins are not loaded", list)


@dataclass
class SearchConfig:
    """Configuration of a search, as composed and saved in the run.

    ``model`` holds the settings of each family; the fields after it are Hydra groups.
    """

    data_path: str | None = option("path or URL of the data; null for a data frame")
    target: str | None = option(
        "column to predict; by default one named target, label, class or y, else the last",
        section=LEARN,
    )
    task: str | None = option(
        "binary, multiclass, regression or quantile; by default inferred from the values of the "
        "target",
        section=LEARN,
        metavar="TASK",
        choices=TASKS,
    )
    quantiles: list[float] | None = option(
        "levels to predict, such as 0.05,0.5,0.95, which makes it a quantile task; 0.1,0.5,0.9 "
        "by default",
        section=LEARN,
        metavar="LEVELS",
        above=0,
        below=1,
        is_fixed=True,
    )
    metric: str | None = option(
        "metric to optimise, such as roc_auc, log_loss, accuracy or rmse, or your own function as"
        " module:function; by default that of the task",
        section=LEARN,
        metavar="NAME",
    )
    time_s: float | None = option(
        "wall-clock budget of the whole search: 60, 90s, 10m or 2h; 10m by default, and no limit "
        "if a number of trials is given",
        600.0,
        section=EFFORT,
        metavar="TIME",
        above=0,
        parse=time_of,
    )
    trials: int | None = option("number of trials", section=EFFORT, metavar="N", low=1)
    seed: int = option(
        "seed of every random choice, 0 by default; with a number of trials the same seed gives "
        "the same trials, whatever the number of CPUs",
        0,
        section=EFFORT,
        metavar="N",
        low=0,
        below=2**32,
        is_fixed=True,
    )
    group: str | None = _column(
        "rows with the same value in this column are never on both sides of a split", DIVIDE
    )
    time_column: str | None = _column(
        "column of times: validation rows are later than training rows", DIVIDE
    )
    folds_column: str | None = _column(
        "column with the fold each row is validated in; -1 for rows that always train and are "
        "never scored",
        DIVIDE,
    )
    weight: str | None = _column(
        "column with the weight of each row, relative to the others", LEARN
    )
    series_id: str | None = _column(
        "column with the series that a row is a step of; the target has one value per series",
        READ,
    )
    step: str | None = _column(
        "column that orders the steps of a series; by default the order of the rows", READ
    )
    wide: list[str] | None = option(
        "prefixes of the columns that are the steps of a series, one per channel: t for "
        "t0, t1, ...; x,y,z for three channels",
        section=READ,
        metavar="PREFIXES",
        is_fixed=True,
    )
    preset: str = option(
        "preset of settings: fast, balanced (the default) or best",
        "balanced",
        section=EFFORT,
        metavar="NAME",
    )
    family: list[str] | None = option(
        "families to try; null takes all that are installed and support the data", is_text=False
    )
    data: DataConfig = field(default_factory=DataConfig)
    model: dict[str, Any] = field(default_factory=dict)
    search: SearchOptions = field(default_factory=SearchOptions)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    pruner: PrunerConfig = field(default_factory=PrunerConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    plugins: PluginsConfig = field(default_factory=PluginsConfig)
