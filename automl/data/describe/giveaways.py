"""Columns from which the target follows, in all rows or in nearly all of them.

Nothing is left out on such grounds, for it may be right: it is said aloud.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.table import Column, Table, Target
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = ["MIN_ROWS", "giveaways"]

MIN_ROWS = 50  # below, a column may sort the target by chance
MIN_DISTINCT = 20  # values of a column that a number is to follow from
NEARLY = 0.99
"""Share of rows in which a column is right that nearly gives the target away ..."""
MOST_LEFT = 0.05
"""... and at most this share of the rows that the most frequent value gets wrong, ..."""
FEWEST_WRONG = 20
"""... of which there must be so many."""
ROWS_A_VALUE = 10
"""Rows other than of the most frequent class for each value of a column of few values."""
FEWEST_OF_A_VALUE = 5
"""A value of fewer rows tells nothing."""
MOST_TARGET_VALUES = 50
"""Numbers to predict that are no more than this are compared like classes."""
MOST_COLUMNS = 20_000
"""A tenth of a millisecond each."""
SAMPLE_ROWS = 20_000
"""Columns are screened on a sample of so many rows; all rows of those that pass are compared."""
SAMPLE_ERRORS = 3.0
_PAIRS = 501
_EXACT = 1e-6  # of the spread of the target

_Floats = NDArray[np.float64]
_Codes = NDArray[np.int64]


def giveaways(table: Table, target: Target, y: NDArray[np.generic]) -> Iterator[str]:
    """Names columns from which the target follows, in sentences for people.

    Args:
        table: The features, of rows that have a target.
        target: What is predicted.
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
        yield f"columns that give the target away are looked for among the first {MOST_COLUMNS:,}"
    for column in table.used[:MOST_COLUMNS]:
        if column.kind not in TABULAR_KINDS:
            continue
        values = table.data[column.key]
        if sample is not None and not few.right(column, values.take(sample), SAMPLE_ERRORS):
            continue
        n_right = whole.right(column, values)
        if not n_right:
            continue
        share = "without an error" if n_right == n_rows else f"in {n_right:,} of {n_rows:,} rows"
        yield (
            f"column {column.name!r} gives the target away {share}: if it is not known when "
            "predictions are made, leave it out with data.drop"
        )


class _Look:
    """Some rows of a target, beside which columns are held."""

    def __init__(self, target: Target, y: NDArray[np.generic]) -> None:
        self._target, self._y = target, y
        distinct, codes = np.unique(y, return_inverse=True)
        is_few = target.task.is_classification or len(distinct) <= MOST_TARGET_VALUES
        self._classes = codes.astype(np.int64) if is_few else None
        counts = np.bincount(codes)
        self._n_wrong = len(y) - int(counts.max()) if len(y) else 0

    def right(self, column: Column, values: pa.ChunkedArray, slack: float = 0.0) -> int:
        """Rows in which the target follows from a column; 0 where they are not nearly all.

        Args:
            column: What is looked at.
            values: Its values, ``(n_rows,)``.
            slack: Standard errors of the number of wrong rows by which there may be more.
        """
        if not values.null_count and self._is_exact(column, values):
            return len(self._y)
        n_right = self._nearly(column, values)
        n_left = len(self._y) - n_right
        most = min((1 - NEARLY) * len(self._y), MOST_LEFT * self._n_wrong)
        is_near = n_left <= most + slack * most**0.5
        return n_right if is_near and (slack or self._n_wrong >= FEWEST_WRONG) else 0

    def _is_exact(self, column: Column, values: pa.ChunkedArray) -> bool:
        """Whether each row tells, in a way that is no accident."""
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

    def _by_value(self, codes: _Codes) -> int:
        """Rows that are right by the most frequent class of each of a few values."""
        assert self._classes is not None
        n_values, n_classes = int(codes.max()) + 1, int(self._classes.max()) + 1
        if n_values * ROWS_A_VALUE > self._n_wrong:
            return 0
        counts = np.bincount(codes * n_classes + self._classes, minlength=n_values * n_classes)
        table = counts.reshape(n_values, n_classes)
        return int(table.max(axis=1)[table.sum(axis=1) >= FEWEST_OF_A_VALUE].sum())


def _by_threshold(numbers: _Floats, is_positive: NDArray[np.bool_]) -> int:
    """Rows that are right by the best threshold, whichever side it makes positive."""
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


def _by_line(numbers: _Floats, y: _Floats) -> int:
    """Rows on the line through most pairs of rows, but for rounding."""
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


def _codes(values: pa.ChunkedArray) -> _Codes:
    """A number for each value that is there, from 0; one for missing ones too."""
    encoded = values.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = pc.dictionary_encode(encoded)
    found = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)
