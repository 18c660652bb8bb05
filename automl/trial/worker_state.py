"""Keeps a worker's state between jobs: the data of the run, and encoded folds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.folds.encoder_store import EncoderStore
from automl.data.persist import open_dataset
from automl.data.split.choose import SplitPlan, load_split_plan
from automl.data.table import Dataset
from automl.data.target_offset import less_offset
from automl.metrics import get_metric, unpacked
from automl.metrics.offset_metric import shifted
from automl.plugin.context import Encoding, Fold
from automl.plugin.metric import Metric
from automl.plugin.task import ColumnKind
from automl.registry import Registry, load_registry
from automl.store.run_dir import RunDir
from automl.trial.latency import min_time_ms, sample_batch
from automl.trial.setup import TrialSetup

__all__ = ["WorkerState", "open_worker_state"]

MIN_FOLD_BYTES = 1 << 20  # smaller folds count as this, which limits them to a few hundred


@dataclass(slots=True)
class WorkerState:
    """State of a worker between jobs: open data, plugins, recent folds with memos, timings."""

    setup: TrialSetup
    run: RunDir
    dataset: Dataset
    plan: SplitPlan
    metric: Metric
    registry: Registry
    _folds: OrderedDict[Hashable, Fold] = field(default_factory=OrderedDict)
    _encode_ms: dict[Any, float] = field(default_factory=dict)

    @property
    def encoders(self) -> EncoderStore:
        """The encoded folds on disk, which all workers share."""
        return EncoderStore(self.run.encodings, self.setup.seed, self.plan.digest)

    def open_fold(
        self, index: int, encoding: Encoding, kinds: frozenset[ColumnKind]
    ) -> tuple[Fold, float]:
        """Opens a fold, or returns it as the last job left it; drops the least recently used ones.

        Its targets are those that families see: minus the offset of the run.

        Returns:
            The fold, and the seconds spent encoding it.
        """
        key, seconds = (index, encoding, kinds), 0.0
        fold = self._folds.pop(key, None)
        if fold is None:
            data = less_offset(self.dataset)
            fold, seconds = self.encoders.fold(data, self.plan, index, encoding, kinds)
        self._folds[key] = fold
        while (
            len(self._folds) > 1 and sum(map(_n_bytes, self._folds.values())) > self.max_kept_bytes
        ):
            self._folds.popitem(last=False)
        return fold, seconds

    @property
    def fold_metric(self) -> Metric:
        """The metric of the run, for targets and predictions as in ``open_fold``."""
        return shifted(self.metric, self.dataset.target.offset)

    @property
    def max_kept_bytes(self) -> int:
        """Largest number of bytes of encoded training rows to keep.

        They are memory-mapped and cost nothing themselves, but indicate the size of the memos.
        """
        return int(self.setup.memo_gib * 2**30)

    def encode_ms(self, fold: int, encoding: Encoding, kinds: frozenset[ColumnKind]) -> float:
        """Milliseconds in which the encoder of a fold encodes 1,000 rows; measured once."""
        key = (fold, encoding, kinds)
        if key not in self._encode_ms:
            encoder = self.encoders.encoder(fold, encoding, kinds)
            batch = sample_batch(self.dataset.table)
            self._encode_ms[key] = min_time_ms(lambda: encoder.transform(batch))
        return self._encode_ms[key]


def open_worker_state(setup: TrialSetup) -> WorkerState:
    """Opens the data of a run as memory maps, and loads the plugins that it uses."""
    run = RunDir(Path(setup.run))
    registry = load_registry(setup.modules, setup.block, setup.plugins or None)
    dataset = open_dataset(run.data)
    target, code = dataset.target, setup.metric_code
    given = unpacked(code) if code else None
    return WorkerState(
        setup=setup,
        run=run,
        dataset=dataset,
        plan=load_split_plan(run.split),
        metric=get_metric(setup.metric, target.task, registry.metrics, target.quantiles, given),
        registry=registry,
    )


def _n_bytes(fold: Fold) -> int:
    """Bytes of the encoded training rows."""
    rows = fold.X_train
    data: NDArray[Any] = rows if isinstance(rows, np.ndarray) else rows.data
    return max(MIN_FOLD_BYTES, int(data.nbytes))
