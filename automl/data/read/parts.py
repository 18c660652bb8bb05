"""A column of a text file as the blocks of the file come in: numbers, or texts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.examples import MORE_ROWS
from automl.data.columns.plain import plain_part

__all__ = ["ColumnParts"]

PARTS = 16
"""The texts of so many blocks are put together."""
MOST_DIFFERENT = 0.5
"""Share of different texts up to which they are kept once."""
GUARD = "'"
"""What our own CSV sets before a text that a spreadsheet would run."""
GROWTH = 1.5
"""Of the room for numbers, when it is full."""


@dataclass(slots=True)
class ColumnParts:
    """What was read of a column.

    Attributes:
        is_number: Whether all its texts were plain numbers until now.
        room: For so many rows, to begin with.
        is_lost: Whether they were at first, and texts are gone.
        texts: All texts; of a column of numbers those of the first rows.
        numbers: Room for numbers, NaN where there is no value.
        n: How many there are.
        n_known: How many values the kept texts have.
        is_known: Whether one of the first rows has a value.
        n_parts: How many of the last arrays of texts are of one block.
        is_whole: Whether texts stay what they are, as they hardly repeat, or people's guards stand
            before them.
    """

    is_number: bool
    room: int
    is_whole: bool
    is_lost: bool = False
    texts: list[pa.Array] = field(default_factory=list)
    numbers: np.ndarray[tuple[int], np.dtype[np.float64]] = field(
        default_factory=lambda: np.empty(0)
    )
    n: int = 0
    n_known: int = 0
    is_known: bool = False
    n_parts: int = 0

    def add(self, texts: pa.Array, n_before: int) -> None:
        """Takes the next rows in."""
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
        """Makes one array of the last parts: of texts that repeat, their different ones."""
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
        """Whether the rows are such as examples are made from (see ``examples_of``)."""
        return n_before < MORE_ROWS or not (self.is_known or self.n_known >= MORE_ROWS)

    def _cast(self, texts: pa.Array) -> bool:
        """Takes the texts in as numbers, if they are all plain and finite."""
        part = plain_part(texts)
        if part is None:
            return False
        values = part.to_numpy(zero_copy_only=False)
        if np.count_nonzero(np.isfinite(values)) != len(part) - part.null_count:
            return False
        n = self.n + len(values)
        if n > len(self.numbers):
            # room that nobody writes to takes no memory
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
