"""Encodes all numbers and dates of a few rows at once.

Column by column, encoding one row of thousands of columns would take longer than predicting it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.column_blocks import DATES, NUMBERS, Blocks
from automl.data.encode.columns.dates import PART_NAMES, PARTS, DateColumns
from automl.data.encode.columns.number_columns import MODES, NumberColumns
from automl.data.encode.columns.numeric import FLOAT32_MAX, MAX_STANDARD
from automl.data.table import IntArray

__all__ = ["DateRows", "NumberRows"]


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

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes rows; the result equals that of the blocks one by one.

        Args:
            values: The numbers of all columns, one after another, ``(n * n_rows,)``; those too
                large for float32 count as missing.
            out: ``(n_rows, n_features)``.
        """
        numbers = values.to_numpy(zero_copy_only=False).reshape(-1, len(out)).T
        self.write_numbers(np.where(np.abs(numbers) > FLOAT32_MAX, np.nan, numbers), out)

    def write_numbers(self, values: NDArray[np.float64], out: NDArray[np.float32]) -> None:
        """Encodes numbers, ``(n_rows, n)``; NaN where missing."""
        missing, numbers = np.isnan(values), self.numbers
        filled = np.where(missing, numbers.fill, values)
        at = self.raw.columns
        out[:, self.raw.places] = values[:, at] - numbers.shift[at]
        at = self.standard.columns
        scaled = (filled[:, at] - numbers.shift[at]) / numbers.scale[at]
        out[:, self.standard.places] = np.clip(scaled, -MAX_STANDARD, MAX_STANDARD)
        out[:, self.quantile.places] = self._interpolated(filled[:, self.quantile.columns])
        out[:, self.indicator.places] = missing[:, self.indicator.columns]

    def _interpolated(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
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
        found: NDArray[np.float64] = np.where(is_on_level, y0, slope * (values - x0) + y0)
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

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes rows; the result equals that of the blocks one by one.

        Args:
            values: The timestamps of all columns, one after another, ``(n * n_rows,)``.
            out: ``(n_rows, n_features)``.
        """
        n_columns = len(self.dates.starts) - 1
        column = np.repeat(np.arange(n_columns), np.diff(self.dates.starts))
        found = np.empty((len(out), len(column)))
        for number in np.unique(self.dates.part).tolist():
            at = np.flatnonzero(self.dates.part == number)
            numbers = PARTS[PART_NAMES[number]](values).reshape(n_columns, len(out))
            found[:, at] = numbers[column[at]].T
        self.parts.write_numbers(found, out)


def _part(is_in: NDArray[np.bool_], places: IntArray) -> _Part:
    columns = np.flatnonzero(is_in)
    return _Part(columns, places[columns])
