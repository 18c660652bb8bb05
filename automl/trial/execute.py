"""(trial, fold) jobs from spec to result: the only caller of a family's ``fit``."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS
from automl.errors import MissingExtraError
from automl.plugin.context import Fold, Shape, TrialContext, View
from automl.plugin.family import FittedModel, ModelFamily, Report, TrialPruned
from automl.plugin.out_of_bag import OutOfBagModel
from automl.plugin.packs import PackedFamily, PackMember
from automl.plugin.prediction import check_prediction
from automl.plugin.stages import StageLog
from automl.store.disk import failing_on_a_full_disk
from automl.store.files import draft_folder, settle
from automl.trial.gpu_memory import peak_vram_mib, start_counting
from automl.trial.latency import prediction_times
from automl.trial.lost import LostFilesError, kept, lost_text
from automl.trial.seen import write_known_rows
from automl.trial.setup import family_shape
from automl.trial.shown import fold_shown_to
from automl.trial.spec import FoldResult, Job
from automl.trial.stages import halves_of, logs_of, predict_by_halves, write_stages
from automl.trial.worker_state import Workbench
from automl.trial.written import write_predictions

__all__ = ["BadPredictionError", "run_job", "run_pack"]

FIT_SHARE = 0.85  # of the time until a job is killed; the rest is for predicting and saving


class BadPredictionError(ValueError):
    """A family predicted what no score can be computed of."""


def run_job(
    job: Job, bench: Workbench, report: Report, encoded: Callable[[], None] = lambda: None
) -> FoldResult:
    """Encodes, fits, predicts the validation rows, scores, and writes model and predictions.

    The fold's directory appears whole, by one rename. ``encoded`` is called before the fit.

    Raises:
        TrialPruned: ``report`` said so.
        MissingExtraError: The family's library is not installed.
        PluginError: The family is not there in this process.
        BadPredictionError: The family returned predictions of a wrong shape or with NaN.
        StorageError: The disk of the run or of temporary files is full, or closed to us.
    """
    ((_, outcome),) = run_pack([job], bench, lambda _: report, encoded)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def run_pack(
    jobs: Sequence[Job],
    bench: Workbench,
    report_of: Callable[[Job], Report],
    encoded: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Job, FoldResult | Exception]]:
    """Runs fits of one family as one program: ``run_job`` for several.

    Args:
        jobs: On the same slot, with the same limits, which are for all together.
        bench: Of the worker.
        report_of: Where a job reports to.
        encoded: Called when all folds are encoded, which is when the limit of the fits begins.
        clock: Gives the seconds by which the limits are kept.

    Yields:
        Each job with its result, or with the error that ended it alone.

    Raises:
        Exception: What ended all of them.
    """
    start, tasks = clock(), [_open(job, bench, report_of(job)) for job in jobs]
    encoded()
    limit_s = jobs[0].fit_limit_s(clock() - start)
    scratch = bench.run.scratch(jobs[0].spec.trial_id, jobs[0].fold)
    context = TrialContext(
        shape=tasks[0].shape,
        seed=jobs[0].seed,
        n_threads=jobs[0].n_threads,
        device=jobs[0].device,
        time_limit_s=jobs[0].time_limit_s,
        deadline=None if limit_s is None else clock() + FIT_SHARE * limit_s,
        scratch=scratch,
        clock=clock,
    )
    start_counting()
    now = time.monotonic()
    folders = Path(tempfile.gettempdir()), bench.run.path
    with _gone_with_its_fit(scratch), failing_on_a_full_disk(*folders, but=TrialPruned):
        outcomes = _fit(tasks, context)
    fit_s = (time.monotonic() - now) / len(tasks)
    for task, outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, Exception):
            yield task.job, outcome
            continue
        try:
            yield task.job, _finish(task, outcome, fit_s, len(tasks), bench)
        except Exception as error:  # of the others each has its own
            yield task.job, error


@contextmanager
def _gone_with_its_fit(scratch: Path) -> Iterator[None]:
    """Removes what a fit kept for its next attempt, unless its worker ends before the fit does."""
    try:
        yield
    except Exception:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Task:
    """A job with what it is fitted on, and its reports.

    ``fold`` is for scoring; ``shown`` is what the family sees of it.
    """

    job: Job
    family: ModelFamily
    shape: Shape
    view: View
    fold: Fold
    shown: Fold
    encode_s: float
    report: Report
    steps: list[tuple[int, float]] = field(default_factory=list)
    is_scored: bool = True

    def record(self, step: int, score: float) -> None:
        """Passes a report on, and keeps it."""
        if not math.isfinite(score):
            raise ValueError(f"the score reported at step {step} is {score}")
        if not self.is_scored:  # what steered the fit is no score of the run's metric
            self.report(int(step), math.nan)
            return
        self.steps.append((int(step), float(score)))
        self.report(int(step), float(score))


def _open(job: Job, bench: Workbench, report: Report) -> _Task:
    family = bench.registry.get(job.spec.family)
    shape = family_shape(bench.setup, bench.dataset, bench.metric, family)
    view = family.view(job.spec.params, shape)
    fold, encode_s = bench.open_fold(job.fold, view, family.kinds)
    train = bench.plan.divisions[job.fold].train if job.fold != ALL_ROWS else np.arange(0)
    shown = fold_shown_to(family, fold, bench.dataset, train, bench.setup.seed)
    is_scored = job.fold == ALL_ROWS or not bench.fold_metric.undefined_reason(
        fold.y_valid, fold.weight_valid
    )
    return _Task(job, family, shape, view, fold, shown, encode_s, report, is_scored=is_scored)


def _finish(
    task: _Task, model: FittedModel, fit_s: float, n_members: int, bench: Workbench
) -> FoldResult:
    """Predicts, scores and writes."""
    job, family, now = task.job, task.family, time.monotonic()
    logs = logs_of(model)
    try:
        prediction, (score, reason) = _validate(job, model, task.fold, bench)
        predict_s = time.monotonic() - now
        if logs:
            prediction, (score, reason) = _validate_stages(job, logs, task.fold, bench)
    except ValueError as error:
        raise BadPredictionError(str(error)) from error
    predict_s, model_ms = prediction_times(
        job, model, task.fold.train.shown_to(family.kinds), predict_s, len(prediction)
    )
    size = _write(bench, task, model, prediction, logs)
    return FoldResult(
        fold=job.fold,
        score=None if reason else score,
        fit_s=fit_s,
        predict_s=predict_s,
        encode_s=task.encode_s,
        n_valid=len(prediction),
        model_mib=size / 2**20,
        peak_rss_mib=_peak_rss_mib(),
        peak_vram_mib=peak_vram_mib(),
        predict_ms=bench.encode_ms(job.fold, task.view, family.kinds) + model_ms,
        steps=tuple(task.steps),
        oof_crc=zlib.crc32(bench.run.oof(job.spec.trial_id, job.fold).read_bytes()),
        n_threads=job.n_threads,
        n_members=n_members,
        score_reason=reason,
    )


def _fit(tasks: Sequence[_Task], context: TrialContext) -> Sequence[FittedModel | Exception]:
    """Fits one alone, several as a pack."""
    family, first = tasks[0].family, tasks[0]
    try:
        if len(tasks) == 1:
            return [family.fit(first.job.spec.params, first.shown, context, first.record)]
        assert isinstance(family, PackedFamily)
        members = [PackMember(t.job.spec.params, t.shown, t.job.seed, t.record) for t in tasks]
        return family.fit_pack(members, context)
    except ImportError as error:
        if family.extra and error.name:
            raise MissingExtraError(f"family {family.name}", error.name, family.extra) from error
        raise


def _validate(
    job: Job, model: FittedModel, fold: Fold, bench: Workbench
) -> tuple[NDArray[Any], tuple[float, str]]:
    """Predicts the rows the model did not learn from, and scores them, or says why not."""
    target, kinds = bench.dataset.target, bench.registry.get(job.spec.family).kinds
    if job.fold != ALL_ROWS:
        prediction = check_prediction(
            model.predict(fold.valid.shown_to(kinds)),
            len(fold.y_valid),
            target.task,
            target.n_outputs,
        )
        return prediction, bench.fold_metric.evaluate(fold.y_valid, prediction, fold.weight_valid)
    if not isinstance(model, OutOfBagModel):
        raise ValueError(f"the model has no out_of_bag_prediction: {type(model).__name__}")
    raw = np.asarray(model.out_of_bag_prediction(), dtype=np.float64)
    seen = np.isfinite(raw.reshape(len(raw), -1)).all(axis=1)
    if not seen.any():
        raise ValueError("no row has an out-of-bag prediction: too few trees")
    covered = check_prediction(raw[seen], int(seen.sum()), target.task, target.n_outputs)
    weight = None if fold.weight_train is None else fold.weight_train[seen]
    prediction = np.full(raw.shape, np.nan)
    prediction[seen] = covered
    return prediction, bench.fold_metric.evaluate(fold.y_train[seen], covered, weight)


def _validate_stages(
    job: Job, logs: Sequence[StageLog], fold: Fold, bench: Workbench
) -> tuple[NDArray[Any], tuple[float, str]]:
    """Predictions of an early-stopped fit, each half of the rows at the stage of the other half.

    The fitted model was stopped by these very rows, which would make its score too good.
    """
    target, weight = bench.dataset.target, fold.weight_valid
    half = halves_of(bench.dataset, bench.plan.divisions[job.fold].valid, bench.setup.seed)
    raw = predict_by_halves(logs, half, fold.y_valid, weight)
    shape = (len(half), target.n_outputs) if target.n_outputs else (len(half),)
    prediction = check_prediction(raw.reshape(shape), len(half), target.task, target.n_outputs)
    _, reason = bench.fold_metric.evaluate(fold.y_valid, prediction, weight)
    return prediction, (
        bench.fold_metric.score_folds(fold.y_valid, prediction, half, weight),
        reason,
    )


def _write(
    bench: Workbench,
    task: _Task,
    model: FittedModel,
    prediction: NDArray[Any],
    logs: Sequence[StageLog],
) -> int:
    """Writes model and predictions into the folder of the fold; returns bytes of the model."""
    job, family, fold = task.job, task.family, task.fold
    run, name = bench.run, job.spec.trial_id
    final, is_alone = run.fold(name, job.fold), bench.plan.n_folds == 1
    with draft_folder(final) as draft:
        folder = draft / run.model(name, job.fold).name
        folder.mkdir()
        with kept(folder, final), failing_on_a_full_disk(folder):
            family.save(model, folder)
        if not folder.is_dir():
            raise LostFilesError(lost_text(final))
        with kept(draft, final):
            with (draft / run.oof(name, job.fold).name).open("wb") as file:
                write_predictions(file, prediction, bench.dataset.target.offset)
            known = draft / run.known(name, job.fold).name
            write_known_rows(known, family, model, fold, job, bench)
            if logs:
                with failing_on_a_full_disk(draft):
                    write_stages(draft, logs, fold.y_valid, fold.weight_valid, is_alone)
            settle(draft, final)
    files = run.model(name, job.fold).rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file())


def _peak_rss_mib() -> float:
    """Peak resident memory of this process; 0 on platforms that do not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
