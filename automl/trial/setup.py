"""The setup shared by controller and workers, and the problem as a family sees it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automl.config.schema import SearchConfig
from automl.data.table import Dataset
from automl.metrics import GivenMetric, packed
from automl.metrics.fallback import steering
from automl.metrics.offset_metric import shifted
from automl.plugin.configurable import default_settings
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily
from automl.plugin.metric import Metric
from automl.plugin.task import ColumnKind
from automl.store.run_dir import RunDir

__all__ = ["TrialSetup", "derive_seed", "problem_info", "setup_of_run"]

IMAGE, SEQUENCE = ColumnKind.IMAGE, ColumnKind.SEQUENCE


@dataclass(frozen=True, slots=True)
class TrialSetup:
    """Everything a worker needs besides the files of the run.

    Attributes:
        run: Path of the run directory.
        metric: Name in the catalog, or ``module:function``.
        seed: Seed of the run.
        n_folds: Fits of one complete trial.
        n_cpus, n_gpus: Devices that the run may use.
        time_s: Wall-clock budget of the run; None without one.
        settings: Settings by family (``model.<family>``).
        memo_gib: Size of the encoded folds that one worker keeps open between fits, in GiB.
        modules, block: Plugins besides the installed ones, and distributions that are not loaded.
        plugins: Modules of the installed plugins that the run uses; empty for all.
        metric_code: The metric that the caller passed as an object, ``packed``; empty without one.
    """

    run: str
    metric: str
    seed: int
    n_folds: int
    n_cpus: int = 1
    n_gpus: int = 0
    time_s: float | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    memo_gib: float = 0.5
    modules: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    metric_code: bytes = b""


def setup_of_run(
    run: RunDir,
    config: SearchConfig,
    n_folds: int,
    metric: str,
    given: GivenMetric | None = None,
) -> TrialSetup:
    """Makes the setup for workers, for one core and no GPU.

    Args:
        run: The run directory.
        config: The configuration.
        n_folds: Folds of the split plan.
        metric: Name in the catalog, or ``module:function``.
        given: The metric, if the caller has it as an object.

    Raises:
        ConfigError: Such a metric cannot be sent to workers.
    """
    return TrialSetup(
        run=str(run.path.resolve()),
        metric=metric,
        seed=config.seed,
        n_folds=n_folds,
        time_s=config.time_s,
        settings={name: dict(settings) for name, settings in config.model.items()},
        modules=tuple(config.plugins.modules),
        block=tuple(config.plugins.block),
        metric_code=b"" if given is None else packed(given),
    )


def problem_info(
    setup: TrialSetup, dataset: Dataset, metric: Metric, family: ModelFamily
) -> ProblemInfo:
    """The problem as one family sees it: only its column kinds, and targets near 0.

    Args:
        setup: Setup of the run.
        dataset: The data, with the original targets.
        metric: Metric of the run, for the original targets.
        family: The family.
    """
    columns = [c for c in dataset.table.used if c.kind in family.kinds]
    categories = tuple(c.n_distinct for c in columns if c.kind is ColumnKind.CATEGORICAL)
    texts = [dataset.table.data.column(c.key) for c in columns if c.kind is ColumnKind.TEXT]
    images = tuple((c.shape[0], c.shape[1], c.shape[2]) for c in columns if c.kind is IMAGE)
    sequences = tuple((c.shape[0], c.shape[1]) for c in columns if c.kind is SEQUENCE)
    names = Counter(column.name for column in dataset.table.columns)
    return ProblemInfo(
        task=dataset.target.task,
        metric=steering(shifted(metric, dataset.target.offset)),
        n_rows=len(dataset.y),
        n_numeric=len(columns) - len(categories) - len(texts) - len(images) - len(sequences),
        n_categorical=len(categories),
        n_text=len(texts),
        n_categories=categories,
        n_classes=dataset.target.n_classes,
        n_folds=setup.n_folds,
        n_cpus=setup.n_cpus,
        n_gpus=setup.n_gpus,
        time_s=setup.time_s,
        settings={**default_settings(family), **setup.settings.get(family.name, {})},
        quantiles=dataset.target.quantiles,
        images=images,
        sequences=sequences,
        text_bytes=tuple(text.nbytes / max(1, len(text)) for text in texts),
        columns={c.name: c.key for c in columns if names[c.name] == 1},
    )


def derive_seed(*parts: str | int) -> int:
    """A seed below 2**31 that depends on every part and on nothing else."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
