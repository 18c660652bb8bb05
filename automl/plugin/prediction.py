"""What a fitted model may return."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.task import Task

__all__ = ["check_prediction"]


def check_prediction(prediction: Any, n_rows: int, task: Task, n_outputs: int) -> NDArray[Any]:
    """Returns a prediction as a float64 array of the right shape.

    Quantiles that cross are put in order, which brings them nearer to the true ones (Chernozhukov,
    Fernandez-Val & Galichon 2010, proposition 4).

    Args:
        prediction: What a model returned.
        n_rows: Rows it was given.
        task: What is predicted.
        n_outputs: Columns of a prediction: classes or levels; 0 where it is a plain value.

    Raises:
        ValueError: It is no array of numbers, has another shape, or holds NaN or infinity.
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
