"""Smoothed, out-of-fold target encoding of categories.

    encoding = (sum + SMOOTHING * prior) / (n + SMOOTHING)

where sum and n are the weighted sum of the target and the weight of the category's training rows,
and prior is the mean of all rows (Micci-Barreca 2001, equation 3 with a constant weight). A
training row is encoded without its own inner fold, so that its target does not leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.categories import CategoryIndex
from automl.data.encode.columns.column_encoder import ColumnEncoder, FittedColumn
from automl.data.encode.columns.numeric import MAX_STANDARD
from automl.data.split.splitters import strata_of, stratified_labels
from automl.data.table import FloatArray, IntArray
from automl.plugin.task import Task

__all__ = ["InnerFoldTarget", "TargetEncoder", "fit_target", "inner_target", "smoothed_means"]

SMOOTHING = 10.0
N_INNER_FOLDS = 5
MAX_CLASSES = 10
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class InnerFoldTarget:
    """The target of the training rows, prepared once for all columns.

    Attributes:
        values: Values to average, ``(n_rows, n_outputs)``: the target value, 1 for the second of
            two classes, or one column of 0 and 1 per class.
        weight: Weight of each row, ``(n_rows,)``.
        part: Inner fold of each row, ``(n_rows,)``.
    """

    values: FloatArray
    weight: FloatArray
    part: IntArray


@dataclass(frozen=True, slots=True)
class TargetEncoder(ColumnEncoder):
    """Encodes a category by smoothed means of the target and log(1 + its count).

    Attributes:
        key: Key of the column.
        index: The categories.
        table: Encoded row of each code, ``(n_categories + 2, n_outputs + 1)``.
    """

    key: str
    index: CategoryIndex
    table: NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column of the block."""
        means = (f"{self.key}_te{i}" for i in range(self.table.shape[1] - 1))
        return (*means, f"{self.key}_frequency")

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes an Arrow array of texts."""
        out[:] = self.table[self.index.codes(values)]


def inner_target(
    y: NDArray[Any], weight: FloatArray | None, task: Task, n_classes: int, seed: int
) -> InnerFoldTarget:
    """Prepares the target of the training rows.

    With more than ``MAX_CLASSES`` classes only the most frequent ones get a column.

    Args:
        y: Class indices or values of the training rows, ``(n_rows,)``.
        weight: Their weights, or None.
        task: The task.
        n_classes: Number of classes; 0 for regression.
        seed: Seed of the inner folds.
    """
    row_weight = np.ones(len(y)) if weight is None else weight.astype(np.float64)
    if not task.is_classification:
        values = y.astype(np.float64)[:, None]
    elif task is Task.BINARY:
        values = (y == 1).astype(np.float64)[:, None]
    else:
        counts = np.bincount(y, minlength=n_classes)
        classes = np.sort(np.argsort(-counts, kind="stable")[:MAX_CLASSES])
        values = (y[:, None] == classes).astype(np.float64)
    strata = strata_of(y, task.is_classification, N_INNER_FOLDS)
    part = stratified_labels(strata, N_INNER_FOLDS, np.random.default_rng(seed))
    return InnerFoldTarget(values, row_weight, part)


def fit_target(
    key: str, index: CategoryIndex, values: pa.Array, target: InnerFoldTarget, scaled: bool
) -> FittedColumn:
    """Fits the encoding of one column on training rows.

    Args:
        key: Key of the column.
        index: Its categories.
        values: Its training values, ``(n_rows,)``.
        target: The target of the same rows.
        scaled: Whether to scale each column to mean 0 and standard deviation 1.
    """
    codes = index.codes(values)
    table, train = smoothed_means(codes, index.unseen + 1, target)
    counts = np.bincount(codes, minlength=index.unseen + 1)
    counts[index.unseen] = 0  # this code pools rare categories, none of which is frequent
    frequency = np.log1p(counts).astype(np.float64)
    table = np.column_stack([table, frequency])
    train = np.column_stack([train, frequency[codes]])
    if scaled:
        mean, deviation = train.mean(axis=0), train.std(axis=0)
        # Columns that differ only by rounding are constant; scaling would blow up new rows.
        deviation[deviation <= ROUNDING * np.abs(train).max(axis=0)] = 1.0
        table, train = (
            np.clip((a - mean) / deviation, -MAX_STANDARD, MAX_STANDARD) for a in (table, train)
        )
    block = TargetEncoder(key, index, table.astype(np.float32))
    return FittedColumn(block, float(len(block.names)), train.astype(np.float32))


def smoothed_means(
    codes: IntArray, n_codes: int, target: InnerFoldTarget
) -> tuple[FloatArray, FloatArray]:
    """Means of the target by code, shrunk towards the mean of all rows.

    Args:
        codes: Code of each training row, ``(n_rows,)``.
        n_codes: Upper bound of the codes (exclusive).
        target: The target of the same rows.

    Returns:
        The mean of each code over all rows, ``(n_codes, n_outputs)``; and for each training row
        the mean of its code over the other inner folds, ``(n_rows, n_outputs)``.
    """
    n_outputs = target.values.shape[1]
    table = np.empty((n_codes, n_outputs))
    train = np.empty((len(codes), n_outputs))
    cell = target.part * n_codes + codes
    shape = (N_INNER_FOLDS, n_codes)

    def sums(values: FloatArray) -> FloatArray:
        counted = np.bincount(cell, weights=values, minlength=shape[0] * shape[1])
        return counted.reshape(shape).astype(np.float64)

    weight = sums(target.weight)
    other_weight = weight.sum(axis=0) - weight
    for output in range(n_outputs):
        total = sums(target.weight * target.values[:, output])
        other = total.sum(axis=0) - total
        prior = total.sum() / weight.sum()
        # A single row has no other inner fold: its prior is the mean of all rows.
        left = other_weight.sum(axis=1, keepdims=True)
        other_prior = np.divide(
            other.sum(axis=1, keepdims=True), left, out=np.full_like(left, prior), where=left > 0
        )
        table[:, output] = _smooth(total.sum(axis=0), weight.sum(axis=0), prior)
        train[:, output] = _smooth(other, other_weight, other_prior)[target.part, codes]
    return table, train


def _smooth(total: FloatArray, weight: FloatArray, prior: Any) -> FloatArray:
    smoothed: FloatArray = (total + SMOOTHING * prior) / (weight + SMOOTHING)
    return smoothed
