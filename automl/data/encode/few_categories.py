"""Categories of few rows, encoded all at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.blocks import CATEGORIES, Blocks
from automl.data.encode.columns.categories import MISSING
from automl.data.encode.columns.category_columns import CODES, ONE_HOT, TARGET, CategoryColumns
from automl.data.table import IntArray

__all__ = ["MOST_CATEGORIES", "CategoryRows"]

MOST_CATEGORIES = 200_000
"""Of all columns together, up to which they are kept as Python's texts: 100 bytes for each."""


@dataclass(frozen=True, slots=True)
class CategoryRows:
    """Where the categorical columns of an encoder are read and written.

    Attributes:
        keys: Their keys in the table.
        columns: Their blocks, as the encoder has them.
        places: First column of the matrix that each is written to, ``(n,)``.
        codes: For each the code of each of its categories.
    """

    keys: tuple[str, ...]
    columns: CategoryColumns
    places: IntArray
    codes: tuple[dict[str, int], ...]

    @classmethod
    def of(cls, blocks: Blocks) -> CategoryRows:
        """Finds the categorical columns among the blocks of an encoder."""
        columns, at = blocks.categories, np.flatnonzero(blocks.kind == CATEGORIES)
        places = np.cumsum(blocks.widths)[at] - blocks.widths[at]
        texts = columns.texts.to_pylist()
        ends = pairwise(columns.starts.tolist())
        codes = tuple({texts[i]: i - first + 1 for i in range(first, end)} for first, end in ends)
        return cls(tuple(blocks.keys[i] for i in at.tolist()), columns, places, codes)

    def write(self, values: list[pa.Array], out: NDArray[np.float32]) -> None:
        """Encodes rows into the columns of the blocks, as these do one by one.

        Args:
            values: The values of each of ``keys``, ``(n_rows,)``.
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
        """Codes of the values, ``(n_rows, n)``."""
        found = np.empty((len(values[0]), len(values)), dtype=np.int64)
        for place, (column, code_of) in enumerate(zip(values, self.codes, strict=True)):
            beyond = int(unseen[place])
            found[:, place] = [
                MISSING if text is None else code_of.get(text, beyond) for text in _texts(column)
            ]
        return found


def _texts(values: pa.Array) -> list[str | None]:
    """The texts of a column; None where missing."""
    if not pa.types.is_dictionary(values.type):
        texts: list[str | None] = values.cast(pa.string()).to_pylist()
        return texts
    known = values.dictionary
    if len(known) > 4 * len(values):  # that of a larger table
        texts = known.take(values.indices).cast(pa.string()).to_pylist()
        return texts
    named = (known if pa.types.is_string(known.type) else known.cast(pa.string())).to_pylist()
    return [None if i is None else named[i] for i in values.indices.to_pylist()]
