"""Checks without labels that a model of all rows predicts like the models of the folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_ROWS", "disagreement", "rows_to_compare"]

MAX_ROWS = 2_000
MAX_RATIO = 2.0
"""Measured: 0.6 to 1.2 for sound refits, 2.9 to 38 for one tree (docs/decisions/0039)."""

ROUNDING = 0.01  # of a logit, or of the spread of the values
MIN_PROBABILITY = 1e-3  # more extreme logits differ much, and the difference means little


def rows_to_compare(n_rows: int, seed: int, most: int = MAX_ROWS) -> NDArray[np.int64]:
    """At most ``MAX_ROWS`` or ``most`` row numbers, ascending; the same throughout a run."""
    drawn = np.random.default_rng(seed).permutation(n_rows)[: min(MAX_ROWS, most)]
    return np.sort(drawn)


def disagreement(
    folds: Sequence[NDArray[Any]],
    refitted: NDArray[Any],
    is_classification: bool,
    *,
    by_last: bool = False,
    max_ratio: float = MAX_RATIO,
) -> str | None:
    """Why a refit must not replace the models of the folds; None if it may.

    With ``d`` the root mean square difference from the mean of the folds' models, in log odds or
    values, the refit is rejected if its ``d`` is more than ``max_ratio`` times the median ``d`` of
    the folds.

    Args:
        folds: Predictions of the model of each fold, ``(n_rows,)`` or ``(n_rows, n_outputs)``.
        refitted: Predictions of the model of all rows, for the same rows.
        is_classification: Whether predictions are probabilities.
        by_last: Whether to compare with the last fold's model instead of the mean: with a time
            plan, older models should differ.
        max_ratio: Largest accepted ratio of its ``d`` to theirs.

    Returns:
        A clause for users, or None. A single model of a fold cannot be compared.
    """
    known = [_scaled(p, is_classification) for p in folds]
    if len(known) < 2:
        return None
    bag = np.mean(np.asarray(folds, dtype=np.float64), axis=0)
    centre = known[-1] if by_last else _scaled(bag, is_classification)
    others = known[:-1] if by_last else known
    usual = float(np.median([_rms(one - centre) for one in others]))
    own = _rms(_scaled(refitted, is_classification) - centre)
    spread = 1.0 if is_classification else float(np.std(centre))
    if own <= max(max_ratio * usual, ROUNDING * spread):
        return None
    return (
        f"its refit differs from the mean of the folds' models by {own:.3g}, they by {usual:.3g}"
        f"{' (log odds)' if is_classification else ''}"
    )


def _scaled(prediction: NDArray[Any], is_classification: bool) -> NDArray[np.float64]:
    """Values unchanged; probabilities as log odds of each class."""
    array = np.asarray(prediction, dtype=np.float64)
    if not is_classification:
        return array
    p = np.clip(array, MIN_PROBABILITY, 1.0 - MIN_PROBABILITY)
    return np.asarray(np.log(p / (1.0 - p)))


def _rms(difference: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(difference**2)))
