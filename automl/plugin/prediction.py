"""Validates the predictions that a fitted model returns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.task import Task

__all__ = ["check_prediction"]


def check_prediction(prediction: Any, n_rows: int, task: Task, n_outputs: int) -> NDArray[Any]:
    """Returns a prediction as a float64 array after checking its shape and values.

    Crossing quantiles are sorted, which never moves them away from the true ones (Chernozhukov,
    Fernandez-Val & Galichon 2010, proposition 4).

    Args:
        prediction: Return value of a model.
        n_rows: Number of rows to predict.
        task: Task of the run.
        n_outputs: Columns of a prediction (classes or levels); 0 for a 1-D prediction.

    Raises:
        ValueError: It is not an array of numbers, has another shape, or holds NaN or infinity.
    """
    try:
        array = np.asarray(prediction, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the prediction is not an array of numbers: {error}") from None
    expected = (n_rows, n_outputs) if n_outputs else (n_rows,)
    if array.shape != expected:
        raise ValueError(f"the prediction has shape {array.shape}, expected {expected}")
    if not np.isfinite(array).all():
        n_bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"the prediction has {n_bad} NaN or infinite values")
    return np.sort(array, axis=1) if task is Task.QUANTILE else array
