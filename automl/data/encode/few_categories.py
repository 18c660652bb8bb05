"""Encodes all categorical columns of a few rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.column_blocks import CATEGORIES, Blocks
from automl.data.encode.columns.categories import MISSING
from automl.data.encode.columns.category_columns import CODES, ONE_HOT, TARGET, CategoryColumns
from automl.data.table import IntArray

__all__ = ["MOST_CATEGORIES", "CategoryRows"]

MOST_CATEGORIES = 200_000
"""Largest number of categories, over all columns, kept as Python strings (100 bytes each)."""


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

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes rows; the result equals that of the blocks one by one.

        Args:
            values: The values of all columns, one after another, ``(n * n_rows,)``.
            out: ``(n_rows, n_features)``, holding 0 in these columns.
        """
        columns = self.columns
        unseen = np.diff(columns.starts) + 1
        codes = self._codes(values, len(out), unseen)
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

    def _codes(self, values: pa.Array, n_rows: int, unseen: IntArray) -> IntArray:
        """Codes of the values, ``(n_rows, n)``; missing and unseen ones included."""
        texts = iter(values.to_pylist())
        codes = [
            MISSING if text is None else code_of.get(text, beyond)
            for code_of, beyond in zip(self.codes, unseen.tolist(), strict=True)
            for text in islice(texts, n_rows)
        ]
        return np.array(codes, dtype=np.int64).reshape(-1, n_rows).T
