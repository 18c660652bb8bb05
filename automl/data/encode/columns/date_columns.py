"""Holds the encoders of all datetime columns as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, inner_arrays, prefixed
from automl.data.encode.columns.dates import PARTS, DateEncoder
from automl.data.encode.columns.number_columns import NumberColumns
from automl.data.table import IntArray

__all__ = ["DateColumns"]

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
