"""Numbers of few rows, encoded all at once.

Column by column, to encode one row of thousands of columns takes longer than to predict it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.blocks import NUMBERS, Blocks
from automl.data.encode.columns.number_columns import MODES, NumberColumns
from automl.data.encode.columns.numeric import FLOAT32_MAX, MAX_STANDARD
from automl.data.table import IntArray, Table
from automl.errors import MissingColumnError

__all__ = ["FEW_ROWS", "MANY_COLUMNS", "NumberRows"]

FEW_ROWS, MANY_COLUMNS = 32, 32


@dataclass(frozen=True, slots=True)
class _Part:
    """The columns of one way of encoding.

    Attributes:
        columns: Their places among the keys, ``(n,)``.
        places: Columns of the matrix that they are written to, ``(n,)``.
    """

    columns: IntArray
    places: IntArray


@dataclass(frozen=True, slots=True)
class NumberRows:
    """Where the numeric columns of an encoder are read and written.

    Attributes:
        keys: Their keys in the table.
        numbers: Their encoders, as the encoder has them.
        raw, standard, quantile: Columns that are encoded so.
        indicator: Columns with an indicator of missing values.
    """

    keys: tuple[str, ...]
    numbers: NumberColumns
    raw: _Part
    standard: _Part
    quantile: _Part
    indicator: _Part

    @classmethod
    def of(cls, blocks: Blocks) -> NumberRows:
        """Finds the numeric columns among the blocks of an encoder."""
        numbers, at = blocks.numbers, np.flatnonzero(blocks.kind == NUMBERS)
        ends = np.cumsum(blocks.widths)[at]
        first, last = ends - blocks.widths[at], ends - 1
        raw, standard, quantile = (
            _part(numbers.has_value & (numbers.mode == mode), first) for mode in range(len(MODES))
        )
        keys = tuple(blocks.keys[i] for i in at.tolist())
        return cls(keys, numbers, raw, standard, quantile, _part(numbers.has_indicator, last))

    def write(self, table: Table, rows: IntArray | None, out: NDArray[np.float32]) -> None:
        """Encodes rows of a table into the columns of the blocks, as these do one by one.

        Args:
            table: Has the columns.
            rows: Row numbers; None for all rows.
            out: ``(n_rows, n_features)``.

        Raises:
            MissingColumnError: The table lacks a column.
        """
        values = self._values(table, rows)
        missing, numbers = np.isnan(values), self.numbers
        filled = np.where(missing, numbers.fill, values)
        at = self.raw.columns
        out[:, self.raw.places] = values[:, at] - numbers.shift[at]
        at = self.standard.columns
        scaled = (filled[:, at] - numbers.shift[at]) / numbers.scale[at]
        out[:, self.standard.places] = np.clip(scaled, -MAX_STANDARD, MAX_STANDARD)
        out[:, self.quantile.places] = self._interpolated(filled[:, self.quantile.columns])
        out[:, self.indicator.places] = missing[:, self.indicator.columns]

    def _values(self, table: Table, rows: IntArray | None) -> NDArray[np.float64]:
        """The numbers, ``(n_rows, n_keys)``; NaN where missing or too large for float32."""
        data = table.data
        if tuple(data.schema.names) != self.keys:
            try:
                data = data.select(self.keys)
            except KeyError as error:
                raise MissingColumnError(
                    f"the table lacks a column that the encoder was fitted on: {error}"
                ) from None
        (batch,) = data.combine_chunks().to_batches()
        tensor = np.asarray(batch.to_tensor(null_to_nan=True))
        values: NDArray[np.float64] = tensor if rows is None else tensor[rows]
        known: NDArray[np.float64] = np.where(np.abs(values) > FLOAT32_MAX, np.nan, values)
        return known

    def _interpolated(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What ``np.interp`` gives for each column, ``(n_rows, n_quantile)``."""
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


def _part(is_in: NDArray[np.bool_], places: IntArray) -> _Part:
    columns = np.flatnonzero(is_in)
    return _Part(columns, places[columns])
