"""Hides validation targets from a fit, so that the rows that score it cannot steer it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.splitters import group_holdout, strata_of, stratified_holdout
from automl.data.table import Dataset
from automl.plugin.context import Fold
from automl.plugin.family import ModelFamily
from automl.plugin.rows import Rows

__all__ = ["fold_shown_to", "inner_fold", "stopping_rows", "without_validation"]

STOPPING_SHARE = 0.15  # of the training rows
_MEMO_KEY: Hashable = "automl.inner"


def fold_shown_to(
    family: ModelFamily, fold: Fold, dataset: Dataset, train: NDArray[np.int64], seed: int
) -> Fold:
    """The fold as a family may see it, by its ``early_stopping``.

    Args:
        family: The family.
        fold: The fold with all its targets.
        dataset: The data, for groups and classes of rows.
        train: Row numbers of the training rows.
        seed: Seed of the run: all trials draw the same stopping rows.
    """
    if family.early_stopping == "staged" or not len(fold.y_valid):
        return fold
    if family.early_stopping == "none":
        return without_validation(fold)
    if _MEMO_KEY not in fold.memo:
        mask = stopping_rows(dataset, train, [seed, fold.index])
        fold.memo[_MEMO_KEY] = inner_fold(fold, mask)
    shown: Fold = fold.memo[_MEMO_KEY]
    return shown


def without_validation(fold: Fold) -> Fold:
    """The fold without validation rows."""
    return _validated_by(fold, fold.valid[:0], fold.y_valid[:0], fold.weight_valid, slice(0))


def inner_fold(fold: Fold, stopping: NDArray[np.bool_]) -> Fold:
    """A fold made of the training rows of another.

    Args:
        fold: The other fold.
        stopping: Which of its training rows are for validation, ``(n_rows,)``.
    """
    learnt, kept = np.flatnonzero(~stopping), np.flatnonzero(stopping)
    inner = _validated_by(fold, fold.train[kept], fold.y_train[kept], fold.weight_train, kept)
    train, weight = fold.train[learnt], fold.weight_train
    return replace(
        inner,
        X_train=_read_only(train.X),
        y_train=_read_only(fold.y_train[learnt]),
        weight_train=None if weight is None else _read_only(weight[learnt]),
        images_train=train.images,
        sequences_train=train.sequences,
        texts_train=train.texts,
        memo={},  # this and the next cache are for all training rows
        fold_cache_dir=None,
    )


def _validated_by(
    fold: Fold,
    valid: Rows,
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    rows: slice | NDArray[np.int64],
) -> Fold:
    """The fold with other validation rows.

    Args:
        fold: The fold.
        valid: The new validation rows.
        y: Their targets.
        weight: Weights that contain theirs, or None.
        rows: Positions of theirs.
    """
    return replace(
        fold,
        X_valid=_read_only(valid.X),
        y_valid=_read_only(y),
        weight_valid=None if weight is None else _read_only(weight[rows]),
        images_valid=valid.images,
        sequences_valid=valid.sequences,
        texts_valid=valid.texts,
    )


def _read_only(values: Any) -> Any:
    """Makes arrays read-only: a worker keeps folds, so one trial's writes would reach another."""
    for array in (values,) if isinstance(values, np.ndarray) else (values.data, values.indices):
        array.flags.writeable = False
    return values


def stopping_rows(dataset: Dataset, train: NDArray[np.int64], seed: list[int]) -> NDArray[np.bool_]:
    """Chooses 15 % of the training rows to stop by: whole groups, or a share of each class.

    With a time plan too: the newest rows would be better judges, but a model that has not trained
    on them predicts the next ones worse.

    Args:
        dataset: The data with targets and groups.
        train: Row numbers of the training rows.
        seed: Seed of the draws.

    Returns:
        True for a row to stop by, ``(n_train,)``; at least one if there are two rows.
    """
    n_rows = len(train)
    n_valid = min(max(1, round(STOPPING_SHARE * n_rows)), n_rows - 1)
    rng = np.random.default_rng(seed)
    if dataset.group is not None and len(np.unique(dataset.group[train])) > 1:
        return group_holdout(dataset.group[train], n_valid, rng)
    is_classification = dataset.target.task.is_classification
    strata = strata_of(dataset.y[train], is_classification, round(n_rows / max(n_valid, 1)))
    return stratified_holdout(strata, n_valid, rng)
