"""One (trial, fold) job from spec to result: the only caller of a family's ``fit``."""

from __future__ import annotations

import math
import sys
import tempfile
import time
import zlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.cache import encoded_fold, load_encoder
from automl.data.persist import open_dataset
from automl.data.split import ALL_ROWS, SplitPlan, load_split_plan
from automl.data.table import Dataset
from automl.errors import MissingExtraError
from automl.metrics import get_metric
from automl.plugin.context import Fold, TrialContext, View
from automl.plugin.family import FittedModel, ModelFamily, Report, check_prediction
from automl.plugin.metric import Metric
from automl.plugin.rows import Matrix, Rows
from automl.plugin.task import ColumnKind
from automl.registry import Registry, load_registry
from automl.store.disk import failing_on_a_full_disk
from automl.store.files import draft_folder, settle, write_array
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup, family_shape
from automl.trial.spec import FoldResult, Job
from automl.trial.timing import BATCH_ROWS, best_ms, predict_batch_ms, table_batch
from automl.trial.vram import peak_vram_mib, start_counting

__all__ = ["BadPredictionError", "Workbench", "open_workbench", "run_job"]

MIN_FOLD_BYTES = 1 << 20  # a small fold counts as much: a few hundred are enough
FIT_SHARE = 0.85  # of the time until a job is killed; the rest is for predicting and saving


class BadPredictionError(ValueError):
    """A family predicted what no score can be computed of."""


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

    def open_fold(self, index: int, view: View, kinds: frozenset[ColumnKind]) -> tuple[Fold, float]:
        """Opens a fold, or takes it as the last job on it left it; forgets those used long ago.

        Returns:
            The fold, and the seconds that were spent encoding it.
        """
        key, seconds = (index, view, kinds), 0.0
        fold = self._folds.pop(key, None)
        if fold is None:
            fold, seconds = encoded_fold(
                self.dataset, self.plan, index, view, kinds, self.run.views, self.setup.seed
            )
        self._folds[key] = fold
        while len(self._folds) > 1 and sum(map(_n_bytes, self._folds.values())) > self.kept_bytes:
            self._folds.popitem(last=False)
        return fold, seconds

    @property
    def kept_bytes(self) -> int:
        """Size of the encoded training rows of all folds that are kept.

        They are mapped and no burden, yet a fair guess at what families make of them.
        """
        return int(self.setup.memo_gib * 2**30)

    def encode_ms(self, fold: int, view: View, kinds: frozenset[ColumnKind]) -> float:
        """Milliseconds in which the encoder of a fold encodes 1,000 rows; measured once."""
        key = (fold, view, kinds)
        if key not in self._encode_ms:
            seed, digest = self.setup.seed, self.plan.digest
            encoder = load_encoder(self.run.views, fold, view, kinds, seed, digest)
            batch = table_batch(self.dataset.table)
            self._encode_ms[key] = best_ms(lambda: encoder.transform(batch))
        return self._encode_ms[key]


def open_workbench(setup: TrialSetup) -> Workbench:
    """Opens the data of a run as memory maps, and loads the plugins."""
    run = RunDir(Path(setup.run))
    registry = load_registry(setup.modules, setup.block)
    dataset = open_dataset(run.data)
    target = dataset.target
    return Workbench(
        setup=setup,
        run=run,
        dataset=dataset,
        plan=load_split_plan(run.split),
        metric=get_metric(setup.metric, target.task, registry.metrics, target.quantiles),
        registry=registry,
    )


def run_job(job: Job, bench: Workbench, report: Report) -> FoldResult:
    """Encodes, fits, predicts the validation rows, scores, and writes model and predictions.

    The fold's directory appears whole, by one rename.

    Raises:
        TrialPruned: ``report`` said so.
        MissingExtraError: The family's library is not installed.
        PluginError: The family is not there in this process.
        BadPredictionError: The family returned predictions of a wrong shape or with NaN.
        StorageError: The disk of the run or of temporary files is full, or closed to us.
    """
    start = time.monotonic()
    family = bench.registry.get(job.spec.family)
    shape = family_shape(bench.setup, bench.dataset, bench.metric, family)
    view = family.view(job.spec.params, shape)
    fold, encode_s = bench.open_fold(job.fold, view, family.kinds)
    context = TrialContext(
        shape=shape,
        seed=job.seed,
        n_threads=job.n_threads,
        device=job.device,
        time_limit_s=job.time_limit_s,
        deadline=None if job.deadline_s is None else start + FIT_SHARE * job.deadline_s,
    )
    steps: list[tuple[int, float]] = []

    def record(step: int, score: float) -> None:
        if not math.isfinite(score):
            raise ValueError(f"the score reported at step {step} is {score}")
        steps.append((int(step), float(score)))
        report(int(step), float(score))

    start_counting()
    now = time.monotonic()
    with failing_on_a_full_disk(Path(tempfile.gettempdir()), bench.run.path):
        model = _fit(family, job, fold, context, record)
    fit_s = time.monotonic() - now
    now = time.monotonic()
    try:
        prediction, score = _validate(job, model, fold, bench)
    except ValueError as error:
        raise BadPredictionError(str(error)) from error
    predict_s, model_ms = _prediction_times(
        job, model, fold.train.shown_to(family.kinds), time.monotonic() - now, len(prediction)
    )
    size = _write(bench.run, job, family, model, prediction)
    return FoldResult(
        fold=job.fold,
        score=score,
        fit_s=fit_s,
        predict_s=predict_s,
        encode_s=encode_s,
        n_valid=len(prediction),
        model_mib=size / 2**20,
        peak_rss_mib=_peak_rss_mib(),
        peak_vram_mib=peak_vram_mib(),
        predict_ms=bench.encode_ms(job.fold, view, family.kinds) + model_ms,
        steps=tuple(steps),
        oof_crc=zlib.crc32(bench.run.oof(job.spec.trial_id, job.fold).read_bytes()),
        n_threads=job.n_threads,
    )


def _fit(
    family: ModelFamily, job: Job, fold: Fold, context: TrialContext, report: Report
) -> FittedModel:
    try:
        return family.fit(job.spec.params, fold, context, report)
    except ImportError as error:
        if family.extra and error.name:
            raise MissingExtraError(f"family {family.name}", error.name, family.extra) from error
        raise


def _validate(
    job: Job, model: FittedModel, fold: Fold, bench: Workbench
) -> tuple[NDArray[Any], float]:
    """Predicts the rows the model did not learn from, and scores them."""
    target, kinds = bench.dataset.target, bench.registry.get(job.spec.family).kinds
    if job.fold != ALL_ROWS:
        prediction = check_prediction(
            model.predict(fold.valid.shown_to(kinds)),
            len(fold.y_valid),
            target.task,
            target.n_outputs,
        )
        return prediction, _score(bench.metric, fold.y_valid, prediction, fold.weight_valid)
    raw = np.asarray(model.out_of_bag_prediction(), dtype=np.float64)  # type: ignore[attr-defined]
    seen = np.isfinite(raw.reshape(len(raw), -1)).all(axis=1)
    if not seen.any():
        raise ValueError("no row has an out-of-bag prediction: too few trees")
    covered = check_prediction(raw[seen], int(seen.sum()), target.task, target.n_outputs)
    weight = None if fold.weight_train is None else fold.weight_train[seen]
    prediction = np.full(raw.shape, np.nan)
    prediction[seen] = covered
    return prediction, _score(bench.metric, fold.y_train[seen], covered, weight)


def _prediction_times(
    job: Job, model: FittedModel, rows: Matrix | Rows, seen_s: float, n_rows: int
) -> tuple[float, float]:
    """Seconds of predicting the validation rows, and milliseconds of predicting 1,000 rows.

    An out-of-bag family has its predictions at hand: what was seen says nothing of new rows.
    """
    if job.fold != ALL_ROWS:
        return seen_s, predict_batch_ms(model, rows, seen_s, n_rows)
    model_ms = predict_batch_ms(model, rows, 0.0, n_rows)
    return model_ms / 1000.0 * n_rows / BATCH_ROWS, model_ms


def _score(
    metric: Metric, y: NDArray[Any], prediction: NDArray[Any], weight: NDArray[np.float64] | None
) -> float:
    score = metric.score(y, prediction, weight)
    if not np.isfinite(score):
        raise ValueError(f"{metric.name} of the predictions is {score}")
    return score


def _write(
    run: RunDir, job: Job, family: ModelFamily, model: FittedModel, prediction: NDArray[Any]
) -> int:
    """Writes model and predictions into the folder of the fold; returns bytes of the model."""
    final, name = run.fold(job.spec.trial_id, job.fold), job.spec.trial_id
    with draft_folder(final) as draft:
        folder = draft / run.model(name, job.fold).name
        folder.mkdir()
        with failing_on_a_full_disk(folder):
            family.save(model, folder)
        with (draft / run.oof(name, job.fold).name).open("wb") as file:
            write_array(file, prediction.astype(np.float32))
        settle(draft, final)
    files = run.model(name, job.fold).rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file())


def _n_bytes(fold: Fold) -> int:
    """Bytes of the encoded training rows."""
    rows = fold.X_train
    data: NDArray[Any] = rows if isinstance(rows, np.ndarray) else rows.data
    return max(MIN_FOLD_BYTES, int(data.nbytes))


def _peak_rss_mib() -> float:
    """Peak resident memory of this process; 0 on platforms that do not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
