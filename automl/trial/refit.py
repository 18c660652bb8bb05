"""One model on all rows in place of the models of the folds of a trial: it predicts faster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.columns.media import images_of, sequences_of, texts_of
from automl.data.split.choose import ALL_ROWS
from automl.errors import RunError
from automl.plugin.context import Fold, Shape, TrialContext, View
from automl.plugin.family import FittedModel, ModelFamily
from automl.plugin.prediction import check_prediction
from automl.plugin.refitting import CannotRefit, RefitIncomplete, RefittableFamily
from automl.plugin.rows import Matrix, Rows
from automl.store.files import draft_folder, settle
from automl.trial.agreement import disagreement, rows_to_compare
from automl.trial.latency import predict_batch_ms, uncached_ms
from automl.trial.newest import fit_newest
from automl.trial.setup import family_shape
from automl.trial.spec import FoldResult, Job
from automl.trial.worker_state import Workbench
from automl.trial.written import write_predictions

__all__ = ["NotRefittedError", "refit_job"]

FIT_SHARE = 0.85  # of the time until a job is killed; the rest is for comparing and saving


class NotRefittedError(RunError):
    """There is no model of all rows that is as good as those of the folds: these stay."""


def refit_job(job: Job, bench: Workbench) -> FoldResult:
    """Fits all rows by what the models of the folds tell, and writes the model.

    No rows are left to score it by. Instead its predictions of some rows are compared with those of
    the models of the folds, and written for the choice between both.

    Raises:
        NotRefittedError: The family has no such model, the clock stopped it, or it predicts
            something else than the models of the folds.
        RunError: A model of a fold is missing.
    """
    start = time.monotonic()
    family = bench.registry.get(job.spec.family)
    shape = family_shape(bench.setup, bench.dataset, bench.metric, family)
    view = family.view(job.spec.params, shape)
    fold, encode_s = bench.open_fold(ALL_ROWS, view, family.kinds)
    models = _models_of_folds(job, bench, family)
    now = time.monotonic()
    model = _refit(job, bench, family, shape, fold, models, start)
    fit_s = time.monotonic() - now
    compared = _predictions(job, bench, family, view, models, model)
    is_classification = shape.task.is_classification
    why = disagreement(
        list(compared[:-1]), compared[-1], is_classification, by_last=bench.plan.kind == "time"
    )
    if why is not None:
        raise NotRefittedError(why)
    size = _write(job, bench, family, model, compared)
    rows = fold.train.shown_to(family.kinds)
    model_ms = predict_batch_ms(model, rows, 0.0, rows.shape[0]) + uncached_ms(model)
    return FoldResult(
        job.fold,
        score=float("nan"),
        fit_s=fit_s,
        predict_s=0.0,
        encode_s=encode_s,
        model_mib=size / 2**20,
        predict_ms=bench.encode_ms(ALL_ROWS, view, family.kinds) + model_ms,
        n_threads=job.n_threads,
    )


def _models_of_folds(job: Job, bench: Workbench, family: ModelFamily) -> list[FittedModel]:
    paths = [bench.run.model(job.spec.trial_id, number) for number in job.stands_for]
    missing = next((path for path in paths if not path.is_dir()), None)
    if missing is not None:
        raise RunError(f"{missing} is missing: the model of a fold")
    return [family.load(path) for path in paths]


def _refit(
    job: Job,
    bench: Workbench,
    family: ModelFamily,
    shape: Shape,
    fold: Fold,
    models: Sequence[FittedModel],
    start: float,
) -> FittedModel:
    context = TrialContext(
        shape=shape,
        seed=job.seed,
        n_threads=job.n_threads,
        device=job.device,
        deadline=None if job.end_s is None else start + FIT_SHARE * job.end_s,
        stages=job.stages,
    )
    try:
        if not isinstance(family, RefittableFamily):
            raise CannotRefit(f"family {family.name} has no model of all rows")
        return family.refit(job.spec.params, fold, context, models)
    except CannotRefit as why:
        if bench.plan.kind != "time":
            raise NotRefittedError(str(why)) from why
    except RefitIncomplete as cut:
        raise NotRefittedError(str(cut)) from cut
    # the models of the folds are old ones
    return fit_newest(family, job.spec.params, fold, bench.dataset, bench.plan.newest, context)


def _predictions(
    job: Job,
    bench: Workbench,
    family: ModelFamily,
    view: View,
    models: Sequence[FittedModel],
    refitted: FittedModel,
) -> NDArray[np.float64]:
    """Predictions of some rows by the model of each fold and, last, by that of all rows.

    They are of the targets as families are shown them.

    Returns:
        ``(n_folds + 1, n_rows, n_outputs)``, or ``(n_folds + 1, n_rows)`` for values.
    """
    target, kinds = bench.dataset.target, family.kinds
    rows = rows_to_compare(bench.plan.n_rows, bench.setup.seed)
    found = []
    for number, model in zip((*job.stands_for, ALL_ROWS), (*models, refitted), strict=True):
        shown = _encoded(bench, rows, number, view, family)
        prediction = model.predict(shown.shown_to(kinds))
        found.append(check_prediction(prediction, len(rows), target.task, target.n_outputs))
    return np.stack(found)


def _encoded(
    bench: Workbench, rows: NDArray[np.int64], fold: int, view: View, family: ModelFamily
) -> Rows:
    """Rows of the table as the encoder of a fold shows them."""
    table, kinds = bench.dataset.table, family.kinds
    matrix: Matrix = bench.encoders.encoder(fold, view, kinds).transform(table, rows)
    return Rows(
        matrix,
        images_of(table, kinds, rows),
        sequences_of(table, kinds, rows),
        texts_of(table, kinds, view, rows),
    )


def _write(
    job: Job, bench: Workbench, family: ModelFamily, model: FittedModel, compared: NDArray[Any]
) -> int:
    """Writes the model and what was compared; returns the bytes of the model."""
    trial, run = job.spec.trial_id, bench.run
    final = run.fold(trial, job.fold)
    with draft_folder(final) as draft:
        folder = draft / run.model(trial, job.fold).name
        folder.mkdir()
        family.save(model, folder)
        with (draft / run.compared(trial, job.fold).name).open("wb") as file:
            write_predictions(file, compared, bench.dataset.target.offset)
        settle(draft, final)
    return sum(f.stat().st_size for f in run.model(trial, job.fold).rglob("*") if f.is_file())
