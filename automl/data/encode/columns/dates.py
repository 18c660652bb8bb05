"""Encodes dates as parts (year, month, ...), with sine and cosine for models that need scaling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import (
    Arrays,
    ColumnEncoder,
    FittedColumn,
    inner_arrays,
    prefixed,
)
from automl.data.encode.columns.number_columns import NumberColumns
from automl.data.encode.columns.numeric import NumberEncoder, NumericMode, fit_numbers, write_parts
from automl.data.table import FloatArray, IntArray

__all__ = ["PART_NAMES", "DateColumns", "DateEncoder", "days", "fit_dates"]

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class DateEncoder(ColumnEncoder):
    """Encodes a datetime column.

    Attributes:
        key: Key of the column.
        parts: Encoder of each part that varies in the training rows, by part name.
    """

    key: str
    parts: Mapping[str, NumberEncoder]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column of the block."""
        return tuple(name for encoder in self.parts.values() for name in encoder.names)

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes an Arrow array of timestamps."""
        write_parts(self.parts, lambda part: PARTS[part](values), out)


def fit_dates(key: str, values: pa.Array, mode: NumericMode) -> FittedColumn | None:
    """Fits a datetime column on training rows; None if it is uninformative.

    Parts that are constant in training are left out, such as the hour of plain dates. Only the
    first part has an indicator of missing values, since a missing date lacks all parts.
    """
    if values.null_count == len(values):
        return None
    parts: dict[str, NumberEncoder] = {}
    for part, numbers_of in PARTS.items():
        if mode == "raw" and part in CIRCLE_PARTS:
            continue
        known = numbers_of(values)
        if part != "days" and np.nanmin(known) == np.nanmax(known):
            continue
        encoder = fit_numbers(f"{key}_{part}", known, mode, part == "days")
        if encoder is not None:
            parts[part] = encoder
    if not parts:
        return None
    block = DateEncoder(key, parts)
    return FittedColumn(block, float(len(block.names)))


def days(values: pa.Array) -> FloatArray:
    """Days since 1970, with the time of day as a fraction."""
    return _floats(values.cast(pa.timestamp("us")).cast(pa.int64())) / DAY_US


def _floats(values: pa.Array) -> FloatArray:
    array = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(array, dtype=np.float64)


def _part(function: Callable[[pa.Array], pa.Array]) -> Callable[[pa.Array], FloatArray]:
    return lambda values: _floats(function(values))


def _wave(
    function: Callable[[pa.Array], pa.Array],
    period: float,
    wave: Callable[[FloatArray], FloatArray],
) -> Callable[[pa.Array], FloatArray]:
    return lambda values: wave(_floats(function(values)) * (2 * np.pi / period))


PARTS: Mapping[str, Callable[[pa.Array], FloatArray]] = {
    "days": days,
    "year": _part(pc.year),
    "month": _part(pc.month),
    "day": _part(pc.day),
    "weekday": _part(pc.day_of_week),
    "hour": _part(pc.hour),
    "month_sin": _wave(pc.month, 12, np.sin),
    "month_cos": _wave(pc.month, 12, np.cos),
    "hour_sin": _wave(pc.hour, 24, np.sin),
    "hour_cos": _wave(pc.hour, 24, np.cos),
}
CIRCLE_PARTS = frozenset({"month_sin", "month_cos", "hour_sin", "hour_cos"})


PART_NAMES = tuple(PARTS)
"""Files store positions in this tuple: append new parts at the end."""


@dataclass(frozen=True, slots=True)
class DateColumns:
    """The blocks of ``n`` datetime columns.

    Attributes:
        part: Position of each part in ``PART_NAMES``; the parts of a column are contiguous.
        starts: Start of each column's parts, and the total, ``(n + 1,)``.
        numbers: The encoder of each part.
    """

    part: NDArray[np.uint8]
    starts: IntArray
    numbers: NumberColumns

    @classmethod
    def of(cls, blocks: Sequence[DateEncoder]) -> DateColumns:
        """Copies blocks into arrays."""
        parts = [PART_NAMES.index(name) for block in blocks for name in block.parts]
        ends = np.cumsum([len(block.parts) for block in blocks], dtype=np.int64)
        encoders = [encoder for block in blocks for encoder in block.parts.values()]
        starts = np.concatenate([[0], ends]).astype(np.int64)
        return cls(np.array(parts, dtype=np.uint8), starts, NumberColumns.of(encoders))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def widths(self) -> IntArray:
        """Number of matrix columns that each block writes, ``(n,)``."""
        before = np.concatenate([[0], np.cumsum(self.numbers.widths)])
        return np.diff(before[self.starts]).astype(np.int64)

    def block(self, place: int, key: str) -> DateEncoder:
        """One block, whose arrays are slices of these."""
        parts = {}
        for at in range(self.starts[place], self.starts[place + 1]):
            name = PART_NAMES[self.part[at]]
            parts[name] = self.numbers.encoder(at, f"{key}_{name}")
        return DateEncoder(key, parts)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the arrays for ``from_arrays``."""
        own: dict[str, NDArray[Any]] = {"part": self.part, "starts": self.starts}
        return own | prefixed("numbers", self.numbers.arrays())

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> DateColumns:
        """Builds the blocks from the result of ``arrays``, without copying.

        Raises:
            KeyError: An array is missing.
            ValueError: The arrays do not fit each other.
        """
        part, starts = arrays["part"], arrays["starts"]
        numbers = NumberColumns.from_arrays(inner_arrays("numbers", arrays))
        is_within = len(starts) and starts[0] == 0 and (np.diff(starts) >= 0).all()
        if not is_within or starts[-1] != len(part) or len(part) != len(numbers):
            raise ValueError("arrays of dates differ in length")
        if (part >= len(PART_NAMES)).any():
            raise ValueError("dates have an unknown part")
        return cls(part, starts, numbers)
