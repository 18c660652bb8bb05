"""Encodes all numbers, dates and categories of a few rows at once.

Column by column, encoding one row of thousands of columns would take longer than predicting it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.column_blocks import CATEGORIES, DATES, NUMBERS, Blocks
from automl.data.encode.columns.categories import MISSING
from automl.data.encode.columns.category_columns import CODES, ONE_HOT, TARGET, CategoryColumns
from automl.data.encode.columns.dates import PART_NAMES, PARTS, DateColumns
from automl.data.encode.columns.number_columns import MODES, NumberColumns
from automl.data.encode.columns.numeric import FLOAT32_MAX, MAX_STANDARD
from automl.data.short_columns import joined
from automl.data.table import BoolArray, FloatArray, IntArray, Table
from automl.errors import MissingColumnError

__all__ = ["MOST_CATEGORIES", "CategoryRows", "DateRows", "NumberRows", "numbers_at_once"]
MOST_CATEGORIES = 200_000
"""Largest number of categories, over all columns, kept as Python strings (100 bytes each)."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Columns that are encoded in the same way.

    Attributes:
        columns: Indices among the numeric columns, ``(n,)``.
        places: Matrix columns that they are written to, ``(n,)``.
    """

    columns: IntArray
    places: IntArray


@dataclass(frozen=True, slots=True)
class NumberRows:
    """The numbers of an encoder, ready to encode a few rows.

    Attributes:
        numbers: Their encoders.
        raw, standard, quantile: The columns of each mode.
        indicator: Columns with an indicator of missing values.
    """

    numbers: NumberColumns
    raw: _Part
    standard: _Part
    quantile: _Part
    indicator: _Part

    @classmethod
    def of(cls, numbers: NumberColumns, first: IntArray) -> NumberRows:
        """Prepares encoders, given the first matrix column of each, ``(n,)``."""
        raw, standard, quantile = (
            _part(numbers.has_value & (numbers.mode == mode), first) for mode in range(len(MODES))
        )
        last = _part(numbers.has_indicator, first + numbers.widths - 1)
        return cls(numbers, raw, standard, quantile, last)

    @classmethod
    def of_blocks(cls, blocks: Blocks) -> NumberRows:
        """Prepares the numeric columns of an encoder."""
        at = np.flatnonzero(blocks.kind == NUMBERS)
        return cls.of(blocks.numbers, np.cumsum(blocks.widths)[at] - blocks.widths[at])

    def write(self, values: FloatArray, out: NDArray[np.float32]) -> None:
        """Encodes rows; the result equals that of the blocks one by one.

        Args:
            values: The numbers, ``(n_rows, n)``; NaN where missing.
            out: ``(n_rows, n_features)``.
        """
        missing, numbers = np.isnan(values), self.numbers
        filled = np.where(missing, numbers.fill, values)
        at = self.raw.columns
        out[:, self.raw.places] = values[:, at] - numbers.shift[at]
        at = self.standard.columns
        scaled = (filled[:, at] - numbers.shift[at]) / numbers.scale[at]
        out[:, self.standard.places] = np.clip(scaled, -MAX_STANDARD, MAX_STANDARD)
        out[:, self.quantile.places] = self._interpolated(filled[:, self.quantile.columns])
        out[:, self.indicator.places] = missing[:, self.indicator.columns]

    def _interpolated(self, values: FloatArray) -> FloatArray:
        """``np.interp`` of each column, ``(n_rows, n_quantile)``."""
        at = self.quantile.columns
        if not len(at):
            return values
        levels, scores = self.numbers.levels, self.numbers.scores
        starts, lengths = self.numbers.starts[at], self.numbers.lengths[at]
        score_starts = self.numbers.score_starts[at]
        low = np.zeros(values.shape, dtype=np.int64)  # levels that are not above each value
        high = np.broadcast_to(lengths, values.shape)
        while (low < high).any():
            middle = np.minimum((low + high) // 2, lengths - 1)
            is_below = (levels[starts + middle] <= values) & (low < high)
            low, high = np.where(is_below, middle + 1, low), np.where(is_below, high, middle)
            high = np.maximum(low, high)
        left = np.clip(low - 1, 0, lengths - 1)
        right = np.minimum(left + 1, lengths - 1)
        x0, x1 = levels[starts + left], levels[starts + right]
        y0, y1 = scores[score_starts + left], scores[score_starts + right]
        is_on_level = (x0 == x1) | (low == 0) | (values == x0)
        slope = (y1 - y0) / np.where(x0 == x1, 1.0, x1 - x0)
        found: FloatArray = np.where(is_on_level, y0, slope * (values - x0) + y0)
        return found


@dataclass(frozen=True, slots=True)
class DateRows:
    """The dates of an encoder, ready to encode a few rows.

    Attributes:
        dates: Their blocks.
        parts: The numbers of their parts (year, month, ...).
    """

    dates: DateColumns
    parts: NumberRows

    @classmethod
    def of_blocks(cls, blocks: Blocks) -> DateRows:
        """Prepares the dates of an encoder."""
        dates, at = blocks.dates, np.flatnonzero(blocks.kind == DATES)
        first = np.cumsum(blocks.widths)[at] - blocks.widths[at]
        before = np.cumsum(dates.numbers.widths) - dates.numbers.widths
        n_parts = np.diff(dates.starts)
        within = before - np.repeat(before[dates.starts[:-1]], n_parts)
        return cls(dates, NumberRows.of(dates.numbers, np.repeat(first, n_parts) + within))

    def write(self, values: list[pa.Array], out: NDArray[np.float32]) -> None:
        """Encodes rows; the result equals that of the blocks one by one.

        Args:
            values: The timestamps of each column, ``(n_rows,)``.
            out: ``(n_rows, n_features)``.
        """
        moments = joined(values)
        column = np.repeat(np.arange(len(values)), np.diff(self.dates.starts))
        found = np.empty((len(out), len(column)))
        for number in np.unique(self.dates.part).tolist():
            at = np.flatnonzero(self.dates.part == number)
            numbers = PARTS[PART_NAMES[number]](moments).reshape(len(values), len(out))
            found[:, at] = numbers[column[at]].T
        self.parts.write(found, out)


def numbers_at_once(table: Table, keys: tuple[str, ...], rows: IntArray | None) -> FloatArray:
    """The numbers of several columns, ``(n_rows, n)``; NaN where missing or too large for float32.

    Args:
        table: The table.
        keys: Keys of the columns.
        rows: Row numbers; None for all rows.

    Raises:
        MissingColumnError: The table lacks a column.
    """
    data = table.data
    if tuple(data.schema.names) != keys:
        try:
            data = data.select(keys)
        except KeyError as error:
            raise MissingColumnError(
                f"the table lacks a column that the encoder was fitted on: {error}"
            ) from None
    (batch,) = data.combine_chunks().to_batches()
    tensor = np.asarray(batch.to_tensor(null_to_nan=True))
    values: FloatArray = tensor if rows is None else tensor[rows]
    return np.where(np.abs(values) > FLOAT32_MAX, np.nan, values)


def _part(is_in: BoolArray, places: IntArray) -> _Part:
    columns = np.flatnonzero(is_in)
    return _Part(columns, places[columns])


@dataclass(frozen=True, slots=True)
class CategoryRows:
    """The categorical columns of an encoder, ready to encode a few rows.

    Attributes:
        columns: Their blocks.
        places: First matrix column that each block writes, ``(n,)``.
        codes: For each block, the code of each category.
    """

    columns: CategoryColumns
    places: IntArray
    codes: tuple[dict[str, int], ...]

    @classmethod
    def of_blocks(cls, blocks: Blocks) -> CategoryRows:
        """Prepares the categorical columns of an encoder."""
        columns, at = blocks.categories, np.flatnonzero(blocks.kind == CATEGORIES)
        places = np.cumsum(blocks.widths)[at] - blocks.widths[at]
        texts = columns.texts.to_pylist()
        ends = pairwise(columns.starts.tolist())
        codes = tuple({texts[i]: i - first + 1 for i in range(first, end)} for first, end in ends)
        return cls(columns, places, codes)

    def write(self, values: list[pa.Array], out: NDArray[np.float32]) -> None:
        """Encodes rows; the result equals that of the blocks one by one.

        Args:
            values: The values of each column, ``(n_rows,)``.
            out: ``(n_rows, n_features)``, holding 0 in these columns.
        """
        columns = self.columns
        unseen = np.diff(columns.starts) + 1
        codes = self._codes(values, unseen)
        at = np.flatnonzero(columns.form == CODES)
        out[:, self.places[at]] = np.where(codes[:, at] == unseen[at], MISSING, codes[:, at])
        at = np.flatnonzero(columns.form == ONE_HOT)
        of_missing = np.where(columns.has_missing[at], unseen[at], MISSING)
        ones = np.where(codes[:, at] == MISSING, of_missing, codes[:, at] % unseen[at])
        rows, found = np.nonzero(ones)
        out[rows, self.places[at][found] + ones[rows, found] - 1] = 1
        is_target = columns.form == TARGET
        for width in np.unique(columns.widths[is_target]).tolist():
            at = np.flatnonzero(is_target & (columns.widths == width))
            starts = columns.table_starts[at] + codes[:, at] * width
            for i in range(width):
                out[:, self.places[at] + i] = columns.tables[starts + i]

    def _codes(self, values: list[pa.Array], unseen: IntArray) -> IntArray:
        """Codes of the values, ``(n_rows, n)``; missing and unseen ones included."""
        texts = iter(joined(values).cast(pa.string()).to_pylist())
        n_rows = len(values[0])
        codes = [
            MISSING if text is None else code_of.get(text, beyond)
            for code_of, beyond in zip(self.codes, unseen.tolist(), strict=True)
            for text in islice(texts, n_rows)
        ]
        return np.array(codes, dtype=np.int64).reshape(len(values), n_rows).T
