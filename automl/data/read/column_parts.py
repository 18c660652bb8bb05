"""Collects a column of a text file block by block, as numbers or as texts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.examples import MORE_ROWS
from automl.data.columns.plain_numbers import plain_part
from automl.data.table import FloatArray

__all__ = ["ColumnParts"]

PARTS = 16
"""Number of blocks whose texts are merged into one array."""
MOST_DIFFERENT = 0.5
"""Largest share of distinct texts for dictionary encoding."""
GUARD = "'"
"""Prefix in CSV files of automl for texts that a spreadsheet would run as a formula."""
GROWTH = 1.5
"""Growth factor of the buffer of numbers."""


@dataclass(slots=True)
class ColumnParts:
    """The part of a column that was read so far.

    Attributes:
        is_number: Whether all its texts have been plain numbers.
        room: Initial capacity of ``numbers``, in rows.
        is_lost: Whether a later text was not a number, so the released texts must be read again.
        texts: All texts; for a column of numbers only those of the first rows.
        numbers: Buffer of numbers, NaN where missing.
        n: Number of entries in ``numbers``.
        n_known: Number of non-missing values in ``texts``.
        is_known: Whether one of the first rows has a value.
        n_parts: Number of trailing arrays of ``texts`` that are single blocks.
        is_whole: Whether texts are not dictionary-encoded, because they hardly repeat or may have
            a guard.
    """

    is_number: bool
    room: int
    is_whole: bool
    is_lost: bool = False
    texts: list[pa.Array] = field(default_factory=list)
    numbers: FloatArray = field(default_factory=lambda: np.empty(0))
    n: int = 0
    n_known: int = 0
    is_known: bool = False
    n_parts: int = 0

    def add(self, texts: pa.Array, n_before: int) -> None:
        """Adds the next rows."""
        if self.is_lost:
            return
        if self.is_number and not self._cast(texts):
            self.is_number, self.numbers = False, np.empty(0)
            self.is_lost = n_before > sum(map(len, self.texts))
            if self.is_lost:
                self.texts, self.n_parts = [], 0
                return
        if self.is_number and not self._needs_texts(n_before):
            return
        self.append(texts)
        if self.is_number:
            self.n_known += len(texts) - texts.null_count
            head = texts.slice(0, max(0, MORE_ROWS - n_before))
            self.is_known = self.is_known or head.null_count < len(head)

    def append(self, texts: pa.Array) -> None:
        """Keeps the texts of the next rows."""
        self.texts.append(texts)
        self.n_parts += 1
        if self.n_parts == PARTS:
            self._put_together()

    def _put_together(self) -> None:
        """Merges the last blocks into one array, dictionary-encoded if texts repeat."""
        texts = pa.concat_arrays(self.texts[-self.n_parts :])
        if not self.is_number and not self.is_whole:
            encoded = texts.dictionary_encode()
            differ = encoded.dictionary
            is_guarded = pc.any(pc.starts_with(differ, GUARD)).as_py()
            self.is_whole = bool(is_guarded) or len(differ) > MOST_DIFFERENT * len(texts)
            texts = texts if self.is_whole else encoded
        self.texts[-self.n_parts :] = [texts]
        self.n_parts = 0

    def _needs_texts(self, n_before: int) -> bool:
        """Whether the texts of these rows are needed as examples (see ``examples_of``)."""
        return n_before < MORE_ROWS or not (self.is_known or self.n_known >= MORE_ROWS)

    def _cast(self, texts: pa.Array) -> bool:
        """Adds the texts as numbers; returns False if one is not a plain, finite number."""
        part = plain_part(texts)
        if part is None:
            return False
        values = part.to_numpy(zero_copy_only=False)
        if np.count_nonzero(np.isfinite(values)) != len(part) - part.null_count:
            return False
        n = self.n + len(values)
        if n > len(self.numbers):
            # capacity that is never written to takes no memory
            larger = np.empty(max(n, int(GROWTH * len(self.numbers)), self.room))
            larger[: self.n] = self.numbers[: self.n]
            self.numbers = larger
        self.numbers[self.n : n] = values
        self.n = n
        return True

    def values(self) -> pa.ChunkedArray:
        """The column: float64, or strings."""
        if not self.is_number:
            if self.n_parts:
                self._put_together()
            if not any(pa.types.is_string(texts.type) for texts in self.texts):
                return pa.chunked_array(self.texts).unify_dictionaries()
            whole = (t if pa.types.is_string(t.type) else t.dictionary_decode() for t in self.texts)
            return pa.chunked_array(whole, pa.string())
        numbers = self.numbers[: self.n]
        is_known = ~np.isnan(numbers)
        bits = None
        if not is_known.all():
            bits = pa.py_buffer(np.packbits(is_known, bitorder="little"))
        buffers = [bits, pa.py_buffer(numbers)]
        return pa.chunked_array([pa.Array.from_buffers(pa.float64(), self.n, buffers)])
