"""Numbers of few rows, encoded all at once.

Column by column, to encode one row of thousands of columns takes longer than to predict it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.block import Block
from automl.data.encode.numeric import FLOAT32_MAX, MAX_STANDARD, NumberEncoder, NumericBlock
from automl.data.table import IntArray, Table
from automl.errors import MissingColumnError

__all__ = ["FEW_ROWS", "MANY_COLUMNS", "NumberColumns"]

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
class NumberColumns:
    """The numeric blocks of an encoder, as arrays over their columns.

    Attributes:
        keys: Keys of the columns in the table.
        parts: Places of the blocks among all blocks.
        raw, standard, quantile: Columns that are encoded so.
        indicator: Columns with an indicator of missing values.
        fill: What stands for a missing value, ``(n_keys,)``.
        shift, scale: ``raw`` and ``standard``: what is taken off, and what that is divided by.
        levels, scores: ``quantile``: those of all columns, one after the other.
        starts, lengths: Where the levels of each ``quantile`` column begin, and how many it has.
    """

    keys: tuple[str, ...]
    parts: frozenset[int]
    raw: _Part
    standard: _Part
    quantile: _Part
    indicator: _Part
    fill: NDArray[np.float64]
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    levels: NDArray[np.float64]
    scores: NDArray[np.float64]
    starts: IntArray
    lengths: IntArray

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> NumberColumns:
        """Gathers the numeric blocks of an encoder, which come in this order."""
        ends = np.cumsum([len(block.names) for block in blocks], dtype=np.int64)
        found = [(i, block) for i, block in enumerate(blocks) if isinstance(block, NumericBlock)]
        encoders = [block.encoder for _, block in found]
        first = [int(ends[i]) - len(block.names) for i, block in found]
        last = [int(ends[i]) - 1 for i, _ in found]
        modes = [encoder.mode if encoder.has_value else "" for encoder in encoders]
        by_quantile = [e for e, mode in zip(encoders, modes, strict=True) if mode == "quantile"]
        lengths = np.array([len(e.levels) for e in by_quantile], dtype=np.int64)
        none = [np.empty(0)]
        return cls(
            keys=tuple(block.key for _, block in found),
            parts=frozenset(i for i, _ in found),
            raw=_part([mode == "raw" for mode in modes], first),
            standard=_part([mode == "standard" for mode in modes], first),
            quantile=_part([mode == "quantile" for mode in modes], first),
            indicator=_part([e.has_indicator for e in encoders], last),
            fill=np.array([e.fill for e in encoders]),
            shift=np.array([_first(e.levels, 0.0) for e in encoders]),
            scale=np.array([_scale(e) for e in encoders]),
            levels=np.concatenate([e.levels for e in by_quantile] or none),
            scores=np.concatenate([e.scores for e in by_quantile] or none),
            starts=np.cumsum(lengths) - lengths,
            lengths=lengths,
        )

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
        missing = np.isnan(values)
        filled = np.where(missing, self.fill, values)
        at = self.raw.columns
        out[:, self.raw.places] = values[:, at] - self.shift[at]
        at = self.standard.columns
        scaled = (filled[:, at] - self.shift[at]) / self.scale[at]
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
        if not len(self.starts):
            return values
        low = np.zeros(values.shape, dtype=np.int64)  # levels that are not above each value
        high = np.broadcast_to(self.lengths, values.shape)
        while (low < high).any():
            middle = np.minimum((low + high) // 2, self.lengths - 1)
            is_below = (self.levels[self.starts + middle] <= values) & (low < high)
            low, high = np.where(is_below, middle + 1, low), np.where(is_below, high, middle)
            high = np.maximum(low, high)
        left = np.clip(low - 1, 0, self.lengths - 1)
        right = np.minimum(left + 1, self.lengths - 1)
        x0, x1 = self.levels[self.starts + left], self.levels[self.starts + right]
        y0, y1 = self.scores[self.starts + left], self.scores[self.starts + right]
        is_on_level = (x0 == x1) | (low == 0) | (values == x0)
        slope = (y1 - y0) / np.where(x0 == x1, 1.0, x1 - x0)
        scores: NDArray[np.float64] = np.where(is_on_level, y0, slope * (values - x0) + y0)
        return scores


def _part(is_in: Sequence[bool], places: Sequence[int]) -> _Part:
    columns = np.flatnonzero(is_in)
    return _Part(columns, np.array(places, dtype=np.int64)[columns])


def _first(values: NDArray[np.float64], default: float) -> float:
    return float(values[0]) if len(values) else default


def _scale(encoder: NumberEncoder) -> float:
    return _first(encoder.scores, 1.0) if encoder.mode == "standard" else 1.0
