"""The constant baseline (class frequencies, quantiles or the mean) that every trial must beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automl.data.table import Dataset

__all__ = ["baseline_prediction"]


def baseline_prediction(dataset: Dataset) -> NDArray[np.float64]:
    """Shares of the classes ``(n_classes,)``, quantiles ``(n_levels,)``, or the mean ``()``."""
    y, weight, target = dataset.y, dataset.weight, dataset.target
    if target.n_classes:
        shares = np.bincount(y, weight, minlength=target.n_classes)
        return np.asarray(shares / shares.sum())
    if target.quantiles:
        return np.asarray(np.quantile(y, target.quantiles))
    return np.asarray(np.average(y, weights=weight))
