"""Bins a fold for the compiled core of explainable boosting machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Fold, TrialContext
from automl_plugins.ebm.bins import Bins, make_bins
from automl_plugins.ebm.native import BinnedColumn, PackedRows, native_rows

__all__ = ["BinnedFold", "binned_fold", "held_rows", "n_classes_of", "packed_rows"]

Places = Mapping[int, NDArray[np.intp]]
"""Fine bin of each row, by column."""

RowPlaces = slice | NDArray[np.intp]
ALL = slice(None)
CHUNK_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class BinnedFold:
    """A binned fold; training rows also in the core's format, for single columns and pairs."""

    bins: Bins
    train: Places
    valid: Places
    single: PackedRows
    paired: PackedRows


def binned_fold(fold: Fold, max_bin: int, max_pair_bin: int, context: TrialContext) -> BinnedFold:
    """Returns the binned fold, cached for the next trial on it."""
    key = f"ebm-{max_bin}-{max_pair_bin}"
    if key not in fold.memo:
        X_train, X_valid = np.asarray(fold.X_train), np.asarray(fold.X_valid)
        bins = make_bins(X_train, fold.features, max_bin, max_pair_bin)
        columns = range(X_train.shape[1])
        train, valid = ({c: bins.fine(X, c) for c in columns} for X in (X_train, X_valid))
        n_classes = n_classes_of(context)
        single, paired = (packed_rows(bins, train, fold, n_classes, c) for c in (False, True))
        fold.memo[key] = BinnedFold(bins, train, valid, single, paired)
    binned: BinnedFold = fold.memo[key]
    return binned


def packed_rows(
    bins: Bins, train: Places, fold: Fold, n_classes: int, is_coarse: bool, rows: RowPlaces = ALL
) -> PackedRows:
    """Training rows, all or some, in fine or coarse bins."""
    columns = [
        BinnedColumn(
            bins.n_bins(column, is_coarse),
            bins.is_coded[column],
            bins.coarse[column][places[rows]] if is_coarse else places[rows],
        )
        for column, places in train.items()
    ]
    weight = None if fold.weight_train is None else fold.weight_train[rows]
    return native_rows(columns, fold.y_train[rows], n_classes, weight)


def n_classes_of(context: TrialContext) -> int:
    """Number of classes; 0 for regression."""
    return context.problem.n_classes if context.task.is_classification else 0


def held_rows(X: NDArray[np.float32], seed: int, share: float) -> NDArray[np.bool_]:
    """Draws training rows for early stopping; identical rows stay together.

    With a copy among the training rows, a held-out row would improve forever.

    Args:
        X: Training rows, ``(n_rows, n_features)``.
        seed: Seed of the draw.
        share: Share of the rows to draw.

    Returns:
        True for a drawn row, ``(n_rows,)``.
    """
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=X.shape[1])
    sums = np.concatenate(
        [
            (np.nan_to_num(X[i : i + CHUNK_ROWS], nan=-1.0) * factors).sum(axis=1)
            for i in range(0, max(1, len(X)), CHUNK_ROWS)
        ]
    )
    distinct, place = np.unique(sums, return_inverse=True)
    held: NDArray[np.bool_] = (rng.random(len(distinct)) < share)[place]
    return held
