"""Writes each fold model's predictions of rows that all folds have in common.

The variance between folds' models on the same rows can be estimated without labels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.plugin.context import Fold
from automl.plugin.family import FittedModel, ModelFamily
from automl.plugin.prediction import check_prediction
from automl.trial.prediction_files import write_predictions
from automl.trial.refit_agreement import rows_to_compare
from automl.trial.spec import Job
from automl.trial.worker_state import WorkerState

__all__ = ["MIN_ROWS", "rows_of_all", "write_known_rows"]

MIN_ROWS = 500


def rows_of_all(plan: SplitPlan, seed: int) -> NDArray[np.int64]:
    """Row numbers, ascending, that the models of all folds predict.

    As many as a fold validates, so that predicting them takes no longer, but at least 500 if there
    are as many, and at most 2,000.
    """
    n_valid = min(len(division.valid) for division in plan.splits)
    return rows_to_compare(plan.n_rows, seed, max(MIN_ROWS, n_valid))


def write_known_rows(
    path: Path,
    family: ModelFamily,
    model: FittedModel,
    fold: Fold,
    job: Job,
    state: WorkerState,
) -> None:
    """Writes the predictions of a fold's model for ``rows_of_all``, in their order.

    NaN for rows that are not in the fold. Nothing is written for a single fold, for models of all
    rows, and with a time plan: there models are not averaged.

    Args:
        path: Path of the file.
        family: Family of the model.
        model: Model of the fold.
        fold: The encoded fold.
        job: The job, with the number of the fold.
        state: State of the worker.

    Raises:
        ValueError: The family returned an invalid prediction.
    """
    plan, target = state.plan, state.dataset.target
    if job.fold == ALL_ROWS or plan.n_folds == 1 or plan.kind == "time":
        return
    rows, n_outputs = rows_of_all(plan, state.setup.seed), target.n_outputs
    found = np.full((len(rows), n_outputs) if n_outputs else len(rows), np.nan)
    division = plan.splits[job.fold]
    for encoded, numbers in ((fold.train, division.train), (fold.valid, division.valid)):
        order = np.argsort(numbers, kind="stable")
        places = order[np.searchsorted(numbers, rows, sorter=order).clip(max=len(order) - 1)]
        here = np.flatnonzero(np.asarray(numbers)[places] == rows)
        if len(here):
            shown = encoded[places[here]].for_kinds(family.kinds)
            found[here] = check_prediction(model.predict(shown), len(here), target.task, n_outputs)
    with path.open("wb") as file:
        write_predictions(file, found, target.offset)
