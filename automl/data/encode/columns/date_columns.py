"""Encoders of many dates as arrays over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, inner_arrays, prefixed
from automl.data.encode.columns.dates import PARTS, DateBlock
from automl.data.encode.columns.number_columns import NumberColumns
from automl.data.table import IntArray

__all__ = ["DateColumns"]

PART_NAMES = tuple(PARTS)
"""In the order of their numbers in files: new ones come last."""


@dataclass(frozen=True, slots=True)
class DateColumns:
    """Blocks of dates, side by side.

    Attributes:
        part: Position of each part in ``PART_NAMES``, the parts of a column following each other.
        starts: Where those of each column begin, and their number, ``(n + 1,)``.
        numbers: The encoder of each part.
    """

    part: NDArray[np.uint8]
    starts: IntArray
    numbers: NumberColumns

    @classmethod
    def of(cls, blocks: Sequence[DateBlock]) -> DateColumns:
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
        """Number of columns that each writes, ``(n,)``."""
        before = np.concatenate([[0], np.cumsum(self.numbers.widths)])
        return np.diff(before[self.starts]).astype(np.int64)

    def block(self, place: int, key: str) -> DateBlock:
        """One of them, whose arrays are views of these."""
        parts = {}
        for at in range(self.starts[place], self.starts[place + 1]):
            name = PART_NAMES[self.part[at]]
            parts[name] = self.numbers.encoder(at, f"{key}_{name}")
        return DateBlock(key, parts)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What ``from_arrays`` needs."""
        own: dict[str, NDArray[Any]] = {"part": self.part, "starts": self.starts}
        return own | prefixed("numbers", self.numbers.arrays())

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> DateColumns:
        """Takes the arrays as they are.

        Raises:
            KeyError: One is missing.
            ValueError: They do not fit each other.
        """
        part, starts = arrays["part"], arrays["starts"]
        numbers = NumberColumns.from_arrays(inner_arrays("numbers", arrays))
        is_within = len(starts) and starts[0] == 0 and (np.diff(starts) >= 0).all()
        if not is_within or starts[-1] != len(part) or len(part) != len(numbers):
            raise ValueError("arrays of dates differ in length")
        if (part >= len(PART_NAMES)).any():
            raise ValueError("dates have an unknown part")
        return cls(part, starts, numbers)
