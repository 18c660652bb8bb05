"""Runs (trial, fold) jobs from spec to result; the only caller of a family's ``fit``."""

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
from automl.plugin.context import Encoding, Fold, ProblemInfo, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Report, TrialPruned
from automl.plugin.out_of_bag import OutOfBagModel
from automl.plugin.packs import PackedFamily, PackFit
from automl.plugin.prediction import check_prediction
from automl.plugin.stages import StageLog
from automl.store.disk import raise_if_disk_full
from automl.store.files import commit, staging_folder
from automl.trial.gpu_memory import peak_vram_mib, reset_peak
from automl.trial.latency import prediction_times
from automl.trial.lost_files import LostFilesError, kept, lost_text
from automl.trial.masked_fold import fold_shown_to
from automl.trial.prediction_files import write_predictions
from automl.trial.seen_rows import write_known_rows
from automl.trial.setup import problem_info
from automl.trial.spec import FoldResult, Job
from automl.trial.stages import halves_of, logs_of, predict_by_halves, write_stages
from automl.trial.worker_state import WorkerState

__all__ = ["BadPredictionError", "execute_job", "execute_pack"]

FIT_SHARE = 0.85  # of the time until a job is killed; the rest is for predicting and saving


class BadPredictionError(ValueError):
    """A family returned predictions that cannot be scored."""


def execute_job(
    job: Job, state: WorkerState, report: Report, encoded: Callable[[], None] = lambda: None
) -> FoldResult:
    """Encodes, fits, predicts the validation rows, scores, and writes model and predictions.

    The fold's directory appears complete, by one rename. ``encoded`` is called before the fit.

    Raises:
        TrialPruned: Raised by ``report``.
        MissingExtraError: The family's library is not installed.
        PluginError: The family is not installed in this process.
        BadPredictionError: The family returned predictions of a wrong shape or with NaN.
        StorageError: The disk of the run or of temporary files is full, or not writable.
    """
    ((_, outcome),) = execute_pack([job], state, lambda _: report, encoded)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def execute_pack(
    jobs: Sequence[Job],
    state: WorkerState,
    report_of: Callable[[Job], Report],
    encoded: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Job, FoldResult | Exception]]:
    """Runs fits of one family as one program: ``execute_job`` for several.

    Args:
        jobs: Jobs of one slot; their limits are equal, and hold for all together.
        state: State of the worker.
        report_of: Returns the report function of a job.
        encoded: Called when all folds are encoded; the time limit of the fits begins then.
        clock: Returns seconds, for the limits.

    Yields:
        Each job with its result, or with the error of that job alone.

    Raises:
        Exception: An error that ended all of them.
    """
    start, tasks = clock(), [_open(job, state, report_of(job)) for job in jobs]
    encoded()
    limit_s = jobs[0].fit_limit_s(clock() - start)
    scratch = state.run.scratch(jobs[0].spec.trial_id, jobs[0].fold)
    context = TrialContext(
        problem=tasks[0].problem,
        seed=jobs[0].seed,
        n_threads=jobs[0].n_threads,
        device=jobs[0].device,
        time_limit_s=jobs[0].time_limit_s,
        deadline=None if limit_s is None else clock() + FIT_SHARE * limit_s,
        scratch_dir=scratch,
        clock=clock,
    )
    reset_peak()
    now = time.monotonic()
    folders = Path(tempfile.gettempdir()), state.run.path
    with _gone_with_its_fit(scratch), raise_if_disk_full(*folders, but=TrialPruned):
        outcomes = _fit(tasks, context)
    fit_s = (time.monotonic() - now) / len(tasks)
    for task, outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, Exception):
            yield task.job, outcome
            continue
        try:
            yield task.job, _finish(task, outcome, fit_s, len(tasks), state)
        except Exception as error:  # the error of this job alone
            yield task.job, error


@contextmanager
def _gone_with_its_fit(scratch: Path) -> Iterator[None]:
    """Removes a fit's scratch folder, unless the worker ends first: then a retry needs it."""
    try:
        yield
    except Exception:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Task:
    """A job with its fold and its reports.

    ``fold`` is for scoring; ``shown`` is the part of it that the family sees.
    """

    job: Job
    family: ModelFamily
    problem: ProblemInfo
    encoding: Encoding
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
        if not self.is_scored:  # a substitute metric steered the fit
            self.report(int(step), math.nan)
            return
        self.steps.append((int(step), float(score)))
        self.report(int(step), float(score))


def _open(job: Job, state: WorkerState, report: Report) -> _Task:
    family = state.registry.get(job.spec.family)
    problem = problem_info(state.setup, state.dataset, state.metric, family)
    encoding = family.encoding(job.spec.params, problem)
    fold, encode_s = state.open_fold(job.fold, encoding, family.kinds)
    train = state.plan.splits[job.fold].train if job.fold != ALL_ROWS else np.arange(0)
    shown = fold_shown_to(family, fold, state.dataset, train, state.setup.seed)
    is_scored = job.fold == ALL_ROWS or not state.fold_metric.undefined_reason(
        fold.y_valid, fold.weight_valid
    )
    return _Task(job, family, problem, encoding, fold, shown, encode_s, report, is_scored=is_scored)


def _finish(
    task: _Task, model: FittedModel, fit_s: float, n_members: int, state: WorkerState
) -> FoldResult:
    """Predicts, scores and writes."""
    job, family, now = task.job, task.family, time.monotonic()
    logs = logs_of(model)
    try:
        prediction, (score, reason) = _validate(job, model, task.fold, state)
        predict_s = time.monotonic() - now
        if logs:
            prediction, (score, reason) = _validate_stages(job, logs, task.fold, state)
    except ValueError as error:
        raise BadPredictionError(str(error)) from error
    predict_s, model_ms = prediction_times(
        job, model, task.fold.train.for_kinds(family.kinds), predict_s, len(prediction)
    )
    size = _write(state, task, model, prediction, logs)
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
        predict_ms=state.encode_ms(job.fold, task.encoding, family.kinds) + model_ms,
        steps=tuple(task.steps),
        oof_crc=zlib.crc32(state.run.oof(job.spec.trial_id, job.fold).read_bytes()),
        n_threads=job.n_threads,
        n_members=n_members,
        score_reason=reason,
    )


def _fit(tasks: Sequence[_Task], context: TrialContext) -> Sequence[FittedModel | Exception]:
    """Fits a single task, or several as a pack."""
    family, first = tasks[0].family, tasks[0]
    try:
        if len(tasks) == 1:
            return [family.fit(first.job.spec.params, first.shown, context, first.record)]
        assert isinstance(family, PackedFamily)
        members = [PackFit(t.job.spec.params, t.shown, t.job.seed, t.record) for t in tasks]
        return family.fit_pack(members, context)
    except ImportError as error:
        if family.extra and error.name:
            raise MissingExtraError(f"family {family.name}", error.name, family.extra) from error
        raise


def _validate(
    job: Job, model: FittedModel, fold: Fold, state: WorkerState
) -> tuple[NDArray[Any], tuple[float, str]]:
    """Predicts the rows the model did not train on, and scores them or gives a reason."""
    target, kinds = state.dataset.target, state.registry.get(job.spec.family).kinds
    if job.fold != ALL_ROWS:
        prediction = check_prediction(
            model.predict(fold.valid.for_kinds(kinds)),
            len(fold.y_valid),
            target.task,
            target.n_outputs,
        )
        return prediction, state.fold_metric.evaluate(fold.y_valid, prediction, fold.weight_valid)
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
    return prediction, state.fold_metric.evaluate(fold.y_train[seen], covered, weight)


def _validate_stages(
    job: Job, logs: Sequence[StageLog], fold: Fold, state: WorkerState
) -> tuple[NDArray[Any], tuple[float, str]]:
    """Predictions of an early-stopped fit, each half of the rows at the stage of the other half.

    These very rows stopped the fitted model, so its own score would be too good.
    """
    target, weight = state.dataset.target, fold.weight_valid
    half = halves_of(state.dataset, state.plan.splits[job.fold].valid, state.setup.seed)
    raw = predict_by_halves(logs, half, fold.y_valid, weight)
    shape = (len(half), target.n_outputs) if target.n_outputs else (len(half),)
    prediction = check_prediction(raw.reshape(shape), len(half), target.task, target.n_outputs)
    _, reason = state.fold_metric.evaluate(fold.y_valid, prediction, weight)
    return prediction, (
        state.fold_metric.score_folds(fold.y_valid, prediction, half, weight),
        reason,
    )


def _write(
    state: WorkerState,
    task: _Task,
    model: FittedModel,
    prediction: NDArray[Any],
    logs: Sequence[StageLog],
) -> int:
    """Writes model and predictions into the folder of the fold; returns bytes of the model."""
    job, family, fold = task.job, task.family, task.fold
    run, name = state.run, job.spec.trial_id
    final, is_alone = run.fold(name, job.fold), state.plan.n_folds == 1
    with staging_folder(final) as draft:
        folder = draft / run.model(name, job.fold).name
        folder.mkdir()
        with kept(folder, final), raise_if_disk_full(folder):
            family.save(model, folder)
        if not folder.is_dir():
            raise LostFilesError(lost_text(final))
        with kept(draft, final):
            with (draft / run.oof(name, job.fold).name).open("wb") as file:
                write_predictions(file, prediction, state.dataset.target.offset)
            known = draft / run.known(name, job.fold).name
            write_known_rows(known, family, model, fold, job, state)
            if logs:
                with raise_if_disk_full(draft):
                    write_stages(draft, logs, fold.y_valid, fold.weight_valid, is_alone)
            commit(draft, final)
    files = run.model(name, job.fold).rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file())


def _peak_rss_mib() -> float:
    """Peak resident memory of this process; 0 on platforms that do not report it."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
