"""What a worker keeps between jobs: the data of the run, and folds as it has encoded them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.folds.encoder_store import EncoderStore
from automl.data.offset import less_offset
from automl.data.persist import open_dataset
from automl.data.split.choose import SplitPlan, load_split_plan
from automl.data.table import Dataset
from automl.metrics import get_metric, unpacked
from automl.metrics.shifted import shifted
from automl.plugin.context import Fold, View
from automl.plugin.metric import Metric
from automl.plugin.task import ColumnKind
from automl.registry import Registry, load_registry
from automl.store.run_dir import RunDir
from automl.trial.latency import best_ms, table_batch
from automl.trial.setup import TrialSetup

__all__ = ["Workbench", "open_workbench"]

MIN_FOLD_BYTES = 1 << 20  # a small fold counts as much: a few hundred are enough


@dataclass(slots=True)
class Workbench:
    """What a worker keeps between jobs: open data, plugins, recent folds with memos, timings."""

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
        return EncoderStore(self.run.views, self.setup.seed, self.plan.digest)

    def open_fold(self, index: int, view: View, kinds: frozenset[ColumnKind]) -> tuple[Fold, float]:
        """Opens a fold, or takes it as the last job on it left it; forgets those used long ago.

        Its targets are as families are shown them: less the offset of the run.

        Returns:
            The fold, and the seconds that were spent encoding it.
        """
        key, seconds = (index, view, kinds), 0.0
        fold = self._folds.pop(key, None)
        if fold is None:
            data = less_offset(self.dataset)
            fold, seconds = self.encoders.fold(data, self.plan, index, view, kinds)
        self._folds[key] = fold
        while len(self._folds) > 1 and sum(map(_n_bytes, self._folds.values())) > self.kept_bytes:
            self._folds.popitem(last=False)
        return fold, seconds

    @property
    def fold_metric(self) -> Metric:
        """The metric of the run, for targets and predictions as in ``open_fold``."""
        return shifted(self.metric, self.dataset.target.offset)

    @property
    def kept_bytes(self) -> int:
        """Largest number of bytes of encoded training rows to keep.

        They are mapped and no burden, yet a fair guess at what families make of them.
        """
        return int(self.setup.memo_gib * 2**30)

    def encode_ms(self, fold: int, view: View, kinds: frozenset[ColumnKind]) -> float:
        """Milliseconds in which the encoder of a fold encodes 1,000 rows; measured once."""
        key = (fold, view, kinds)
        if key not in self._encode_ms:
            encoder = self.encoders.encoder(fold, view, kinds)
            batch = table_batch(self.dataset.table)
            self._encode_ms[key] = best_ms(lambda: encoder.transform(batch))
        return self._encode_ms[key]


def open_workbench(setup: TrialSetup) -> Workbench:
    """Opens the data of a run as memory maps, and loads the plugins that it uses."""
    run = RunDir(Path(setup.run))
    registry = load_registry(setup.modules, setup.block, setup.plugins or None)
    dataset = open_dataset(run.data)
    target, code = dataset.target, setup.metric_code
    given = unpacked(code) if code else None
    return Workbench(
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
