"""Fits a family without its own ``refit`` on the newest rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automl.data.table import Dataset
from automl.plugin.context import Fold, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Params
from automl.trial.masked_fold import inner_fold, stopping_rows

__all__ = ["fit_newest"]


def fit_newest(
    family: ModelFamily,
    params: Params,
    fold: Fold,
    dataset: Dataset,
    newest: NDArray[np.int64] | None,
    context: TrialContext,
) -> FittedModel:
    """Fits rows up to the newest, up to the stages that the folds chose.

    Without such stages, some rows from the whole time range are used for early stopping.

    Args:
        family: The family.
        params: Params of the trial.
        fold: The rows; ``X_valid`` is empty.
        dataset: The data of the run.
        newest: Row numbers of the training rows; None for all rows of the data.
        context: The slot, with the stages to end at.
    """
    rows = np.arange(len(dataset.y)) if newest is None else newest
    is_told = family.early_stopping == "staged" and bool(context.stages)
    if family.early_stopping != "none" and not is_told and len(rows) > 1:
        fold = inner_fold(fold, stopping_rows(dataset, rows, [context.seed]))
    return family.fit(params, fold, context, lambda step, score: None)
