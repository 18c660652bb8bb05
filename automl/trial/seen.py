"""What the model of a fold predicts for some rows of the table, most of which it has seen.

Where models of folds differ on the same rows, no label is needed to tell their variance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.plugin.context import Fold
from automl.plugin.family import FittedModel, ModelFamily
from automl.plugin.prediction import check_prediction
from automl.trial.agreement import rows_to_compare
from automl.trial.spec import Job
from automl.trial.worker_state import Workbench
from automl.trial.written import write_predictions

__all__ = ["MIN_ROWS", "rows_of_all", "write_known_rows"]

MIN_ROWS = 500


def rows_of_all(plan: SplitPlan, seed: int) -> NDArray[np.int64]:
    """Row numbers, ascending, that the models of all folds predict.

    As many as a fold validates, so that predicting them takes no longer than that, but at least
    500 where there are as many, and 2,000 at most.
    """
    n_valid = min(len(division.valid) for division in plan.divisions)
    return rows_to_compare(plan.n_rows, seed, max(MIN_ROWS, n_valid))


def write_known_rows(
    path: Path,
    family: ModelFamily,
    model: FittedModel,
    fold: Fold,
    job: Job,
    bench: Workbench,
) -> None:
    """Writes what a fold's model predicts for ``rows_of_all``, in their order.

    NaN for rows that the fold does not have. Nothing is written for a single division, for models
    of all rows, and in order of time: there is no mean of models there.

    Args:
        path: Of the file.
        family: Of the model.
        model: Of the fold.
        fold: As it was encoded.
        job: Has the number of the fold.
        bench: Of the worker.

    Raises:
        ValueError: The family predicts something that is no prediction.
    """
    plan, target = bench.plan, bench.dataset.target
    if job.fold == ALL_ROWS or plan.n_folds == 1 or plan.kind == "time":
        return
    rows, n_outputs = rows_of_all(plan, bench.setup.seed), target.n_outputs
    found = np.full((len(rows), n_outputs) if n_outputs else len(rows), np.nan)
    division = plan.divisions[job.fold]
    for encoded, numbers in ((fold.train, division.train), (fold.valid, division.valid)):
        order = np.argsort(numbers, kind="stable")
        places = order[np.searchsorted(numbers, rows, sorter=order).clip(max=len(order) - 1)]
        here = np.flatnonzero(np.asarray(numbers)[places] == rows)
        if len(here):
            shown = encoded[places[here]].shown_to(family.kinds)
            found[here] = check_prediction(model.predict(shown), len(here), target.task, n_outputs)
    with path.open("wb") as file:
        write_predictions(file, found, target.offset)
