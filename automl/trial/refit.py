"""Fits one model on all rows to replace the models of a trial's folds, for faster predictions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.columns.media import images_of, sequences_of, texts_of
from automl.data.split.choose import ALL_ROWS
from automl.errors import RunError
from automl.plugin.context import Encoding, Fold, ProblemInfo, TrialContext
from automl.plugin.family import FittedModel, ModelFamily
from automl.plugin.prediction import check_prediction
from automl.plugin.refitting import CannotRefit, RefitIncomplete, RefittableFamily
from automl.plugin.rows import Matrix, Rows
from automl.store.files import commit, staging_folder
from automl.trial.latency import predict_batch_ms, uncached_ms
from automl.trial.masked_fold import inner_fold, stopping_rows
from automl.trial.prediction_files import write_predictions
from automl.trial.refit_agreement import disagreement, rows_to_compare
from automl.trial.setup import problem_info
from automl.trial.spec import FoldResult, Job
from automl.trial.worker_state import WorkerState

__all__ = ["RefitUnsupportedError", "refit_job"]

FIT_SHARE = 0.85  # of the time until a job is killed; the rest is for comparing and saving


class RefitUnsupportedError(RunError):
    """No model of all rows is as good as those of the folds, which therefore stay."""


def refit_job(job: Job, state: WorkerState) -> FoldResult:
    """Fits all rows, guided by the models of the folds, and writes the model.

    No rows are left to score it on. Instead its predictions of some rows are compared with those of
    the models of the folds, and written for the choice between both.

    Raises:
        RefitUnsupportedError: The family has no such model, the clock stopped it, or it predicts
            differently from the models of the folds.
        RunError: A model of a fold is missing.
    """
    start = time.monotonic()
    family = state.registry.get(job.spec.family)
    problem = problem_info(state.setup, state.dataset, state.metric, family)
    encoding = family.encoding(job.spec.params, problem)
    fold, encode_s = state.open_fold(ALL_ROWS, encoding, family.kinds)
    task = _Task(job, state, family, encoding, fold, _models_of_folds(job, state, family))
    now = time.monotonic()
    end = None if job.end_s is None else start + FIT_SHARE * job.end_s
    model = task.fit(problem, end)
    fit_s = time.monotonic() - now
    compared = task.predictions(model)
    is_classification, by_last = problem.task.is_classification, state.plan.kind == "time"
    why = disagreement(list(compared[:-1]), compared[-1], is_classification, by_last=by_last)
    if why is not None:
        raise RefitUnsupportedError(why)
    size = task.write(model, compared)
    rows = fold.train.for_kinds(family.kinds)
    model_ms = predict_batch_ms(model, rows, 0.0, rows.shape[0]) + uncached_ms(model)
    return FoldResult(
        job.fold,
        score=float("nan"),
        fit_s=fit_s,
        predict_s=0.0,
        encode_s=encode_s,
        model_mib=size / 2**20,
        predict_ms=state.encode_ms(ALL_ROWS, encoding, family.kinds) + model_ms,
        n_threads=job.n_threads,
    )


def _models_of_folds(job: Job, state: WorkerState, family: ModelFamily) -> list[FittedModel]:
    paths = [state.run.model(job.spec.trial_id, number) for number in job.replaces_folds]
    missing = next((path for path in paths if not path.is_dir()), None)
    if missing is not None:
        raise RunError(f"{missing} is missing: the model of a fold")
    return [family.load(path) for path in paths]


@dataclass(frozen=True, slots=True)
class _Task:
    """The refit of a trial.

    Attributes:
        job: The job.
        state: State of the worker.
        family: Family of the trial.
        encoding: Its encoding.
        fold: All rows, encoded.
        models: Models of the folds that it replaces.
    """

    job: Job
    state: WorkerState
    family: ModelFamily
    encoding: Encoding
    fold: Fold
    models: Sequence[FittedModel]

    def fit(self, problem: ProblemInfo, deadline: float | None) -> FittedModel:
        """Fits all rows, guided by the models of the folds; in a time plan perhaps without them."""
        job, family, state = self.job, self.family, self.state
        context = TrialContext(
            problem=problem,
            seed=job.seed,
            n_threads=job.n_threads,
            device=job.device,
            deadline=deadline,
            stages=job.stages,
        )
        try:
            if not isinstance(family, RefittableFamily):
                raise CannotRefit(f"family {family.name} cannot be refitted on all rows")
            return family.refit(job.spec.params, self.fold, context, self.models)
        except CannotRefit as why:
            if state.plan.kind != "time":
                raise RefitUnsupportedError(str(why)) from why
        except RefitIncomplete as cut:
            raise RefitUnsupportedError(str(cut)) from cut
        # a time plan: the models of the folds lack the newest rows
        return self._fit_newest(context)

    def _fit_newest(self, context: TrialContext) -> FittedModel:
        """Fits rows up to the newest, up to the stages that the folds chose.

        Without such stages, some rows from the whole time range are used for early stopping.
        """
        family, fold, dataset = self.family, self.fold, self.state.dataset
        newest = self.state.plan.newest
        rows = np.arange(len(dataset.y)) if newest is None else newest
        is_told = family.early_stopping == "staged" and bool(context.stages)
        if family.early_stopping != "none" and not is_told and len(rows) > 1:
            fold = inner_fold(fold, stopping_rows(dataset, rows, [context.seed]))
        return family.fit(self.job.spec.params, fold, context, lambda step, score: None)

    def predictions(self, refitted: FittedModel) -> NDArray[np.float64]:
        """Predictions of some rows by the model of each fold and, last, by that of all rows.

        They are in the units of the targets that families see.

        Returns:
            ``(n_folds + 1, n_rows, n_outputs)``, or ``(n_folds + 1, n_rows)`` for values.
        """
        state, target = self.state, self.state.dataset.target
        rows, models = (
            rows_to_compare(state.plan.n_rows, state.setup.seed),
            [*self.models, refitted],
        )
        found = []
        for number, model in zip((*self.job.replaces_folds, ALL_ROWS), models, strict=True):
            shown = self._encoded(rows, number).for_kinds(self.family.kinds)
            prediction = model.predict(shown)
            found.append(check_prediction(prediction, len(rows), target.task, target.n_outputs))
        return np.stack(found)

    def _encoded(self, rows: NDArray[np.int64], fold: int) -> Rows:
        """Rows of the table, encoded by the encoder of a fold."""
        table, kinds = self.state.dataset.table, self.family.kinds
        encoder = self.state.encoders.encoder(fold, self.encoding, kinds)
        matrix: Matrix = encoder.transform(table, rows)
        return Rows(
            matrix,
            images_of(table, kinds, rows),
            sequences_of(table, kinds, rows),
            texts_of(table, kinds, self.encoding, rows),
        )

    def write(self, model: FittedModel, compared: NDArray[Any]) -> int:
        """Writes the model and the compared predictions; returns the bytes of the model."""
        trial, fold, run = self.job.spec.trial_id, self.job.fold, self.state.run
        final = run.fold(trial, fold)
        with staging_folder(final) as draft:
            folder = draft / run.model(trial, fold).name
            folder.mkdir()
            self.family.save(model, folder)
            with (draft / run.compared(trial, fold).name).open("wb") as file:
                write_predictions(file, compared, self.state.dataset.target.offset)
            commit(draft, final)
        return sum(f.stat().st_size for f in run.model(trial, fold).rglob("*") if f.is_file())
