"""The fold that a family is shown: targets that score a fit must not steer it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automl.data.divide import group_holdout, strata_of, stratified_holdout
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
        dataset: The data, for groups and times of rows.
        train: Row numbers of the training rows.
        seed: Of the run: all trials draw the same stopping rows.
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
    """The fold with its training rows alone."""
    return _with_rows(fold, fold.train, fold.valid[:0], np.arange(len(fold.y_train)), None)


def inner_fold(fold: Fold, stopping: NDArray[np.bool_]) -> Fold:
    """A fold of the training rows of another one.

    Args:
        fold: The other.
        stopping: Which of its training rows are for validation, ``(n_rows,)``.
    """
    learnt, kept = np.flatnonzero(~stopping), np.flatnonzero(stopping)
    inner = _with_rows(fold, fold.train[learnt], fold.train[kept], learnt, kept)
    return replace(inner, memo={}, shared=None)  # what others keep there is of all training rows


def _with_rows(
    fold: Fold,
    train: Rows,
    valid: Rows,
    learnt: NDArray[np.int64],
    kept: NDArray[np.int64] | None,
) -> Fold:
    """The fold with these rows of it, whose targets are those of its training rows.

    Args:
        fold: The fold.
        train: Rows to learn from.
        valid: Rows to validate by.
        learnt: Where the former are among its training rows.
        kept: Where the latter are; None where there are none.
    """
    weight, held = fold.weight_train, np.empty(0, dtype=np.int64) if kept is None else kept
    return replace(
        fold,
        X_train=train.X,
        y_train=fold.y_train[learnt],
        weight_train=None if weight is None else weight[learnt],
        X_valid=valid.X,
        y_valid=fold.y_train[held],
        weight_valid=None if weight is None else weight[held],
        images_train=train.images,
        images_valid=valid.images,
        sequences_train=train.sequences,
        sequences_valid=valid.sequences,
        texts_train=train.texts,
        texts_valid=valid.texts,
    )


def stopping_rows(dataset: Dataset, train: NDArray[np.int64], seed: list[int]) -> NDArray[np.bool_]:
    """Chooses 15 % of training rows to stop by: the latest, whole groups, or a share of each class.

    Args:
        dataset: The data with their target, times and groups.
        train: Row numbers of the training rows.
        seed: Of the draws.

    Returns:
        True for a row to stop by, ``(n_train,)``; at least one where there are two rows.
    """
    n_rows = len(train)
    n_valid = min(max(1, round(STOPPING_SHARE * n_rows)), n_rows - 1)
    rng = np.random.default_rng(seed)
    if dataset.time is not None:
        mask = np.zeros(n_rows, dtype=np.bool_)
        mask[np.argsort(dataset.time[train], kind="stable")[n_rows - n_valid :]] = True
        return mask
    if dataset.group is not None and len(np.unique(dataset.group[train])) > 1:
        return group_holdout(dataset.group[train], n_valid, rng)
    is_classification = dataset.target.task.is_classification
    strata = strata_of(dataset.y[train], is_classification, round(n_rows / max(n_valid, 1)))
    return stratified_holdout(strata, n_valid, rng)
