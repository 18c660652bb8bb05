"""One (trial, fold) job from spec to result: the only caller of a family's ``fit``."""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.cache import encoded_fold
from automl.data.persist import open_dataset
from automl.data.split import ALL_ROWS, SplitPlan, load_split_plan
from automl.data.table import Dataset
from automl.errors import MissingExtraError
from automl.metrics import get_metric
from automl.plugin.context import Fold, Matrix, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Report, check_prediction
from automl.plugin.metric import Metric
from automl.registry import Registry, load_registry
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup, family_shape
from automl.trial.spec import FoldResult, Job
from automl.trial.vram import peak_vram_mib, start_counting

__all__ = ["BadPredictionError", "Workbench", "open_workbench", "run_job"]

MEMO_BUDGET_BYTES = 512 << 20
TIMED_ROWS = 2_000
FIT_SHARE = 0.85  # of the time until a job is killed; the rest is for predicting and saving


class BadPredictionError(ValueError):
    """A family predicted what no score can be computed of."""


@dataclass(slots=True)
class Workbench:
    """What a worker keeps between jobs: open data, plugins, and memos of recent folds."""

    setup: TrialSetup
    run: RunDir
    dataset: Dataset
    plan: SplitPlan
    metric: Metric
    registry: Registry
    _memos: OrderedDict[Any, dict[Any, Any]] = field(default_factory=OrderedDict)

    def remember(self, key: Any, fold: Fold) -> Fold:
        """Gives the fold the memo of the last job on the same key; forgets the oldest ones."""
        memo = self._memos.pop(key, {})
        self._memos[key] = memo
        size = max(1, _n_bytes(fold.X_train))
        while len(self._memos) > max(1, min(16, MEMO_BUDGET_BYTES // size)):
            self._memos.popitem(last=False)
        return replace(fold, memo=memo)


def open_workbench(setup: TrialSetup) -> Workbench:
    """Opens the data of a run as memory maps, and loads the plugins."""
    run = RunDir(Path(setup.run))
    registry = load_registry(setup.modules, setup.block)
    dataset = open_dataset(run.data)
    return Workbench(
        setup=setup,
        run=run,
        dataset=dataset,
        plan=load_split_plan(run.split),
        metric=get_metric(setup.metric, dataset.target.task, registry.metrics),
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
    """
    start = time.monotonic()
    family = bench.registry.get(job.spec.family)
    shape = family_shape(bench.setup, bench.dataset, bench.metric, family)
    view = family.view(job.spec.params, shape)
    fold, encode_s = encoded_fold(
        bench.dataset, bench.plan, job.fold, view, family.kinds, bench.run.views, bench.setup.seed
    )
    fold = bench.remember((job.fold, view, family.kinds), fold)
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
    model = _fit(family, job, fold, context, record)
    fit_s = time.monotonic() - now
    now = time.monotonic()
    try:
        prediction, score = _validate(job, model, fold, bench)
    except ValueError as error:
        raise BadPredictionError(str(error)) from error
    predict_s = time.monotonic() - now
    if job.fold == ALL_ROWS:
        predict_s = _timed_prediction(model, fold.X_train)
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
        steps=tuple(steps),
        oof_crc=zlib.crc32(bench.run.oof(job.spec.trial_id, job.fold).read_bytes()),
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
    target = bench.dataset.target
    if job.fold != ALL_ROWS:
        prediction = check_prediction(
            model.predict(fold.X_valid), len(fold.y_valid), target.task, target.n_classes
        )
        return prediction, _score(bench.metric, fold.y_valid, prediction, fold.weight_valid)
    raw = np.asarray(model.out_of_bag_prediction(), dtype=np.float64)  # type: ignore[attr-defined]
    seen = np.isfinite(raw.reshape(len(raw), -1)).all(axis=1)
    if not seen.any():
        raise ValueError("no row has an out-of-bag prediction: too few trees")
    covered = check_prediction(raw[seen], int(seen.sum()), target.task, target.n_classes)
    weight = None if fold.weight_train is None else fold.weight_train[seen]
    prediction = np.full(raw.shape, np.nan)
    prediction[seen] = covered
    return prediction, _score(bench.metric, fold.y_train[seen], covered, weight)


def _timed_prediction(model: FittedModel, rows: Matrix) -> float:
    """Seconds that predicting so many new rows would take, from a sample of them.

    An out-of-bag family has its predictions at hand: that says nothing of new rows.
    """
    n_rows = rows.shape[0]
    sample = rows[: min(n_rows, TIMED_ROWS)]
    now = time.monotonic()
    model.predict(sample)
    seconds = time.monotonic() - now
    return seconds * float(n_rows / sample.shape[0])


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
    """Writes model and predictions under a temporary name, then renames; returns bytes."""
    final = run.fold(job.spec.trial_id, job.fold)
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        (draft / "model").mkdir(parents=True)
        family.save(model, draft / "model")
        np.save(draft / run.oof("", 0).name, prediction.astype(np.float32), allow_pickle=False)
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sum(f.stat().st_size for f in (final / "model").rglob("*") if f.is_file())


def _n_bytes(matrix: Matrix) -> int:
    data: NDArray[Any] = matrix if isinstance(matrix, np.ndarray) else matrix.data
    return int(data.nbytes)


def _peak_rss_mib() -> float:
    """Peak resident memory of this process; 0 on platforms that do not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
