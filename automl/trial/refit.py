"""One model on all rows in place of the models of the folds of a trial: it predicts faster."""

from __future__ import annotations

import time

import numpy as np

from automl.data.split import ALL_ROWS
from automl.errors import RunError
from automl.plugin.context import TrialContext
from automl.store.files import draft_folder, settle
from automl.trial.newest import fit_newest
from automl.trial.setup import family_shape
from automl.trial.spec import FoldResult, Job
from automl.trial.timing import predict_batch_ms
from automl.trial.workbench import Workbench

__all__ = ["NotRefittedError", "refit_job"]

FIT_SHARE = 0.85  # of the time until a job is killed; the rest is for saving


class NotRefittedError(RunError):
    """The family has no model of all rows to offer: those of the folds stay."""


def refit_job(job: Job, bench: Workbench) -> FoldResult:
    """Fits all rows by what the models of the folds tell, and writes the model.

    Nothing is left to score it by.

    Raises:
        NotRefittedError: The family does not do that.
        RunError: A model of a fold is missing.
    """
    start = time.monotonic()
    family = bench.registry.get(job.spec.family)
    shape = family_shape(bench.setup, bench.dataset, bench.metric, family)
    view = family.view(job.spec.params, shape)
    fold, encode_s = bench.open_fold(ALL_ROWS, view, family.kinds)
    context = TrialContext(
        shape=shape,
        seed=job.seed,
        n_threads=job.n_threads,
        device=job.device,
        deadline=None if job.deadline_s is None else start + FIT_SHARE * job.deadline_s,
    )
    paths = [bench.run.model(job.spec.trial_id, number) for number in job.stands_for]
    missing = next((path for path in paths if not path.is_dir()), None)
    if missing is not None:
        raise RunError(f"{missing} is missing: the model of a fold")
    models = [family.load(path) for path in paths]
    now = time.monotonic()
    model = family.refit(job.spec.params, fold, context, models)
    if model is None and bench.plan.kind == "time":  # the last fold's model is an old one
        rows = np.arange(bench.plan.n_rows) if bench.plan.newest is None else bench.plan.newest
        model = fit_newest(family, job.spec.params, fold, bench.dataset, rows, context)
    if model is None:
        raise NotRefittedError(f"family {family.name} has no model of all rows")
    fit_s = time.monotonic() - now
    seen = fold.train.shown_to(family.kinds)
    model_ms = predict_batch_ms(model, seen, 0.0, seen.shape[0])
    final = bench.run.fold(job.spec.trial_id, ALL_ROWS)
    with draft_folder(final) as draft:
        folder = draft / bench.run.model(job.spec.trial_id, ALL_ROWS).name
        folder.mkdir()
        family.save(model, folder)
        settle(draft, final)
    return FoldResult(
        ALL_ROWS,
        score=float("nan"),
        fit_s=fit_s,
        predict_s=0.0,
        encode_s=encode_s,
        predict_ms=bench.encode_ms(ALL_ROWS, view, family.kinds) + model_ms,
    )
