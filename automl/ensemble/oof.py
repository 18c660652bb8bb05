"""Reads the out-of-fold predictions of a trial from the files of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.errors import RunError
from automl.store.run_dir import RunDir

__all__ = ["as_probabilities", "read_oof", "read_predictions"]


def read_oof(
    run: RunDir, trial_id: str, folds: Sequence[int], plan: SplitPlan, sum_to_one: bool = True
) -> NDArray[np.float64]:
    """Reads the out-of-fold predictions of a trial.

    Predictions of several repeats are averaged. A fit that stopped early is read at the settled
    stage.

    Args:
        run: The run.
        trial_id: Name of the trial, such as ``lightgbm-3``.
        folds: Numbers of the finished folds; ``ALL_ROWS`` (-1) for an out-of-bag family.
        plan: The split plan of the run.
        sum_to_one: Whether 2-D predictions are probabilities; else they are quantiles.

    Returns:
        Probabilities ``(n_rows, n_classes)`` that sum to 1, values ``(n_rows,)``, or quantiles
        ``(n_rows, n_levels)``; NaN for rows without a prediction.

    Raises:
        RunError: A file is missing, damaged, or does not fit the plan; the message names it.
    """
    total: NDArray[np.float64] | None = None
    times_seen = np.zeros(plan.n_rows)
    for fold in folds:
        settled = run.settled(trial_id, fold)
        path = settled if settled.is_file() else run.oof(trial_id, fold)
        prediction = read_predictions(path)
        rows = np.arange(plan.n_rows) if fold == ALL_ROWS else plan.splits[fold].valid
        if len(prediction) != len(rows):
            raise RunError(
                f"{path} has {len(prediction)} predictions, but fold {fold} of the split plan has "
                f"{len(rows)} rows: it is not from this run"
            )
        if total is None:
            total = np.zeros((plan.n_rows, *prediction.shape[1:]))
        seen = np.isfinite(prediction.reshape(len(prediction), -1)).all(axis=1)
        is_probability = prediction.ndim == 2 and sum_to_one
        found = prediction[seen]
        total[rows[seen]] += as_probabilities(found) if is_probability else found
        times_seen[rows[seen]] += 1
    if total is None:
        raise RunError(f"trial {trial_id} of {run.path} has no finished fold")
    times_seen[times_seen == 0] = np.nan
    return total / (times_seen[:, None] if total.ndim == 2 else times_seen)


def as_probabilities(prediction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalises rows ``(n_rows, n_classes)`` to sum 1; negative values count as 0.

    A row without a positive value becomes uniform.
    """
    positive = np.maximum(prediction, 0)
    total = positive.sum(axis=1, keepdims=True)
    result: NDArray[np.float64] = np.full_like(positive, 1 / positive.shape[1])
    np.divide(positive, total, out=result, where=total > 0)
    return result


def read_predictions(path: Path) -> NDArray[np.float64]:
    """Reads a file of predictions in double precision.

    Raises:
        RunError: It is missing or damaged; the message names it.
    """
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
        return array.astype(np.float64)
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the trial is not complete") from None
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
