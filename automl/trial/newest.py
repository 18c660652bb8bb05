"""A fit on the newest rows of a family that has no way of its own to fit all rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automl.data.divide import group_holdout, strata_of, stratified_holdout
from automl.data.table import Dataset
from automl.plugin.context import Fold, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Params
from automl.trial.shown import inner_fold

__all__ = ["fit_newest"]

STOPPING_SHARE = 0.1  # of the rows; by them a fit stops, and does not learn from them


def fit_newest(
    family: ModelFamily,
    params: Params,
    fold: Fold,
    dataset: Dataset,
    rows: NDArray[np.int64],
    context: TrialContext,
) -> FittedModel:
    """Fits rows up to the newest, with some drawn from all of time to stop by.

    The last rows in time would be the better judges, but they are what the fit is for.

    Args:
        family: The family.
        params: Those of the trial.
        fold: The rows; ``X_valid`` has none.
        dataset: The data of the run.
        rows: Row numbers of the training rows.
        context: The slot.
    """
    n_valid = round(STOPPING_SHARE * len(rows))
    if family.early_stopping != "none" and n_valid:
        fold = inner_fold(fold, _drawn(dataset, rows, n_valid, context.seed))
    return family.fit(params, fold, context, lambda step, score: None)


def _drawn(dataset: Dataset, rows: NDArray[np.int64], n_valid: int, seed: int) -> NDArray[np.bool_]:
    """Which rows a fit stops by, ``(n_rows,)``: whole groups, or a share of each class."""
    rng = np.random.default_rng(seed)
    if dataset.group is not None and len(np.unique(dataset.group[rows])) > 1:
        return group_holdout(dataset.group[rows], n_valid, rng)
    is_classification = dataset.target.task.is_classification
    strata = strata_of(dataset.y[rows], is_classification, round(1 / STOPPING_SHARE))
    return stratified_holdout(strata, n_valid, rng)
