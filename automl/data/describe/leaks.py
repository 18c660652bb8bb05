"""Warns of data that makes scores too optimistic: leaking columns and duplicate rows.

They are reported, not left out: they may be legitimate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.columns.media import row_digests
from automl.data.table import BoolArray, Column, Dataset, FloatArray, IntArray, Table, Target
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task
from automl.surface import named

__all__ = ["giveaways", "leak_warnings"]

COPIED_SHARE = 0.05
CHANCE_FREE = 1.5  # duplicates by chance are rare if there are n_rows**1.5 combinations of values
MAX_CELLS = 20_000_000  # largest table whose rows are compared; takes a second or two
MIN_ROWS = 50  # with fewer, a column may sort the target by chance
MIN_DISTINCT = 20  # distinct values of a numeric column that explains a numeric target
NEARLY = 0.99
"""Smallest share of rows that a likely leak predicts correctly."""
MOST_LEFT = 0.05
"""Largest number of its errors, as a share of the errors of the most frequent target value."""
FEWEST_WRONG = 20
"""Smallest number of errors of the most frequent target value."""
ROWS_A_VALUE = 10
"""Smallest number of rows not of the most frequent class, per distinct value of the column."""
FEWEST_OF_A_VALUE = 5
"""Values with fewer rows are not counted."""
MOST_TARGET_VALUES = 50
"""Largest number of distinct values of a numeric target that is treated like classes."""
MOST_COLUMNS = 20_000
"""Largest number of columns to check; each takes about 0.1 ms."""
SAMPLE_ROWS = 20_000
"""Rows of the sample on which columns are screened before all rows are compared."""
SAMPLE_ERRORS = 3.0
_PAIRS = 501
_EXACT = 1e-6  # of the spread of the target

_MIX = np.uint64(0x9E3779B97F4A7C15)


def leak_warnings(dataset: Dataset, exchangeable: bool) -> Iterator[str]:
    """Yields one sentence for each reason why scores may be too optimistic.

    Args:
        dataset: The data.
        exchangeable: Whether rows are split at random, so that copies may be separated.
    """
    if len(dataset.y) < MIN_ROWS:
        return
    yield from giveaways(dataset.table, dataset.target, dataset.y)
    n_copies = _copied_rows(dataset) if exchangeable else 0
    if n_copies > COPIED_SHARE * len(dataset.y):
        yield (
            f"{n_copies:,} rows equal an earlier one in all feature columns: scores will be too "
            "optimistic if copies fall on both sides of a split; use "
            f"{named('group', 'COLUMN')} to keep them together"
        )


def _copied_rows(dataset: Dataset) -> int:
    """Number of rows equal to an earlier one; 0 if the table is too large to check.

    It is 0 as well if there are few combinations of values, so that duplicates arise by chance.
    """
    table, n_rows = dataset.table, len(dataset.y)
    if not table.used or n_rows * len(table.used) > MAX_CELLS:
        return 0
    signs = np.zeros(n_rows, dtype=np.uint64)
    combinations = 0.0  # logarithm of their number
    for column in table.used:
        codes = _codes_of(table.data[column.key])
        combinations += float(np.log(codes.max() + 2))
        signs = (signs ^ codes.astype(np.uint64)) * _MIX
        signs ^= signs >> np.uint64(29)
    if combinations < CHANCE_FREE * np.log(n_rows):
        return 0
    return n_rows - len(np.unique(signs))


def giveaways(table: Table, target: Target, y: NDArray[np.generic]) -> Iterator[str]:
    """Yields one sentence for each column that is a likely leak.

    Args:
        table: The features of rows that have a target.
        target: The target.
        y: Class indices or values, ``(n_rows,)``.
    """
    n_rows = len(y)
    if n_rows < MIN_ROWS:
        return
    sample = None
    if n_rows > SAMPLE_ROWS:
        rows = np.random.default_rng(0).choice(n_rows, SAMPLE_ROWS, replace=False)
        sample = pa.array(np.sort(rows))
    whole = _Look(target, y)
    few = whole if sample is None else _Look(target, y[sample.to_numpy()])
    if len(table.used) > MOST_COLUMNS:
        yield f"only the first {MOST_COLUMNS:,} columns were checked for leaks"
    for column in table.used[:MOST_COLUMNS]:
        if column.kind not in TABULAR_KINDS:
            continue
        values = table.data[column.key]
        if sample is not None and not few.right(column, values.take(sample), SAMPLE_ERRORS):
            continue
        n_right = whole.right(column, values)
        if not n_right:
            continue
        share = "in every row" if n_right == n_rows else f"in {n_right:,} of {n_rows:,} rows"
        yield (
            f"column {column.name!r} predicts the target {share} (a likely leak): if it is not "
            "known when predictions are made, leave it out with data.drop"
        )


class _Look:
    """Compares columns with the target on some rows."""

    def __init__(self, target: Target, y: NDArray[np.generic]) -> None:
        self._target, self._y = target, y
        distinct, codes = np.unique(y, return_inverse=True)
        is_few = target.task.is_classification or len(distinct) <= MOST_TARGET_VALUES
        self._classes = codes.astype(np.int64) if is_few else None
        counts = np.bincount(codes)
        self._n_wrong = len(y) - int(counts.max()) if len(y) else 0

    def right(self, column: Column, values: pa.ChunkedArray, slack: float = 0.0) -> int:
        """Number of rows that a column predicts correctly; 0 unless these are nearly all.

        Args:
            column: The column.
            values: Its values, ``(n_rows,)``.
            slack: Tolerance for more errors, in standard errors of their number.
        """
        if not values.null_count and self._is_exact(column, values):
            return len(self._y)
        n_right = self._nearly(column, values)
        n_left = len(self._y) - n_right
        most = min((1 - NEARLY) * len(self._y), MOST_LEFT * self._n_wrong)
        is_near = n_left <= most + slack * most**0.5
        return n_right if is_near and (slack or self._n_wrong >= FEWEST_WRONG) else 0

    def _is_exact(self, column: Column, values: pa.ChunkedArray) -> bool:
        """Whether a column predicts every row, in a way that cannot be chance."""
        y = self._y
        is_number = column.kind is ColumnKind.NUMERIC
        if self._target.task.is_classification:
            assert self._classes is not None
            codes = _codes(values)
            n_distinct = int(codes.max()) + 1
            if n_distinct == int(self._classes.max()) + 1:
                return len(np.unique(codes * n_distinct + self._classes)) == n_distinct
            is_binary = self._target.task is Task.BINARY
            return is_number and is_binary and _by_threshold(values.to_numpy(), y == 1) == len(y)
        if not is_number:
            return False
        numbers = values.to_numpy()
        if len(np.unique(numbers)) < MIN_DISTINCT:
            return False
        steps = np.diff(y[np.lexsort((y, numbers))].astype(np.float64))
        backwards = np.diff(y[np.lexsort((-y.astype(np.float64), numbers))].astype(np.float64))
        return bool((steps >= 0).all() or (backwards <= 0).all())

    def _nearly(self, column: Column, values: pa.ChunkedArray) -> int:
        best = 0
        if self._classes is not None:
            if values.null_count:
                best = self._by_value(values.is_null().to_numpy().astype(np.int64))
            if column.kind is not ColumnKind.TEXT:
                best = max(best, self._by_value(_codes(values)))
        if column.kind is not ColumnKind.NUMERIC:
            return best
        numbers = values.to_numpy()  # missing ones are NaN, and wrong
        if self._target.task is Task.BINARY:
            return max(best, _by_threshold(numbers, self._y == 1))
        if self._target.task.is_classification:
            return best
        return max(best, _by_line(numbers, self._y.astype(np.float64)))

    def _by_value(self, codes: IntArray) -> int:
        """Number of rows in the most frequent class of their value, for a column of few values."""
        assert self._classes is not None
        n_values, n_classes = int(codes.max()) + 1, int(self._classes.max()) + 1
        if n_values * ROWS_A_VALUE > self._n_wrong:
            return 0
        counts = np.bincount(codes * n_classes + self._classes, minlength=n_values * n_classes)
        table = counts.reshape(n_values, n_classes)
        return int(table.max(axis=1)[table.sum(axis=1) >= FEWEST_OF_A_VALUE].sum())


def _by_threshold(numbers: FloatArray, is_positive: BoolArray) -> int:
    """Number of rows classified correctly by the best threshold, in either direction."""
    known = ~np.isnan(numbers)
    order = np.argsort(numbers[known], kind="stable")
    ordered, positive = numbers[known][order], is_positive[known][order].astype(np.int64)
    if not len(ordered):
        return 0
    n_below = np.arange(len(ordered) + 1)
    positive_below = np.concatenate(([0], np.cumsum(positive)))
    right = n_below - positive_below + (positive.sum() - positive_below)
    is_cut = np.concatenate(([True], ordered[1:] > ordered[:-1], [True]))
    return int(max(right[is_cut].max(), len(ordered) - right[is_cut].min()))


def _by_line(numbers: FloatArray, y: FloatArray) -> int:
    """Number of rows on the line with the median slope of pairs of rows, up to rounding."""
    known = np.flatnonzero(~np.isnan(numbers))
    spread = float(np.ptp(y)) if len(y) else 0.0
    if len(known) < MIN_ROWS or not spread:
        return 0
    pairs = np.random.default_rng(0).choice(known, (2, _PAIRS))
    across = numbers[pairs[0]] - numbers[pairs[1]]
    up = y[pairs[0]] - y[pairs[1]]
    if not (across != 0).any():
        return 0
    slope = float(np.median(up[across != 0] / across[across != 0]))
    if not slope:
        return 0
    rest = y - slope * numbers
    return int((np.abs(rest - np.nanmedian(rest)) <= _EXACT * spread).sum())


def _codes(values: pa.ChunkedArray) -> IntArray:
    """Codes from 0 of the values, ``(n_rows,)``; missing is a value of its own."""
    return np.unique(_codes_of(values), return_inverse=True)[1].astype(np.int64)


def _codes_of(values: pa.ChunkedArray) -> IntArray:
    """Codes of the values of a column, ``(n_rows,)``; -1 where missing."""
    whole = values.combine_chunks()
    if pa.types.is_fixed_size_binary(whole.type) or pa.types.is_large_list(whole.type):
        return np.unique(row_digests(whole), return_inverse=True)[1].astype(np.int64)
    encoded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    codes: IntArray = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64)
