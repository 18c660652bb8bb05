"""How a prediction is scored, and how two scores compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["METRICS", "class_columns", "is_win", "score"]

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
"""The metric of each task."""

LOWEST_PROBABILITY = 1e-15


def score(task: str, truth: Sequence[str], prediction: pd.DataFrame) -> float:
    """Scores a prediction by the metric of the task.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        truth: Labels or values as texts, one a row.
        prediction: One column per class named by its label, or the column ``prediction``.
    """
    from sklearn.metrics import roc_auc_score

    if task == "regression":
        error = prediction["prediction"].to_numpy(float) - np.asarray(truth, dtype=float)
        return float(np.sqrt(np.mean(error**2)))
    columns, codes = class_columns(truth, list(prediction.columns))
    probability = prediction[columns].to_numpy(float)
    if task == "binary":
        return float(roc_auc_score(codes == 1, probability[:, 1]))
    probability = probability / probability.sum(axis=1, keepdims=True)
    known = np.where(codes >= 0, probability[np.arange(len(codes)), codes], 0.0)
    return float(-np.mean(np.log(np.clip(known, LOWEST_PROBABILITY, 1.0))))


def class_columns(truth: Sequence[str], columns: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The columns in the order of their labels, and the place of each true label among them.

    Labels that are written as different texts of the same number (``1`` and ``1.0``) are one. A
    label that has no column is -1.
    """
    ordered = sorted(columns)
    place = {_canonical(column): number for number, column in enumerate(ordered)}
    return ordered, np.array([place.get(_canonical(label), -1) for label in truth])


def _canonical(label: str) -> str | float:
    try:
        return float(label)
    except ValueError:
        return label


def is_win(task: str, ours: float | None, floor: float) -> bool:
    """Whether our score is better than the floor's; no score never is."""
    if ours is None:
        return False
    return ours > floor if METRICS[task] == "roc_auc" else ours < floor
