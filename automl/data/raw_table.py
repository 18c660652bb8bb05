"""A table as read from the source, before its columns are typed."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from automl.data.options import UNREAD, Reading
from automl.data.table import BoolArray, IntArray
from automl.errors import DataError, did_you_mean
from automl.formatting import shortened

__all__ = [
    "RawTable",
    "composed",
    "format_names",
    "is_bytes",
    "let_go",
    "no_rows",
    "occurrence_numbers",
    "one_array",
    "plain_strings",
    "snake_case",
    "suggestion",
]


MANY_ROWS = 100_000
"""Rows from which on the memory of a released column is returned at once; for many short columns
that would take too long."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns by position, with the names and types of the source.

    Attributes:
        names: Names as in the source; may be empty or repeated.
        columns: One chunked array per column; text files give strings, or float64 where all
            texts are plain numbers.
        where: Name of the source for messages: a file name, ``the data frame``, ...
        reading: Rules for reading texts that hold for all columns.
        notes: Notes on the reading for the user.
        row_numbers: Number of each row in the source, from 1, if rows were dropped.
        folder: Folder to which relative paths in the table refer.
        row_names: The noun for rows and the name (string) of each, if the source names its rows:
            the files of a folder, the ids of series.
        carried: Columns to return with the predictions, as in the source.
        starts: Texts of the first rows of columns that were read as plain numbers, by position.
        encoded: Positions of the columns of texts that are stored as dictionaries.
    """

    names: tuple[str, ...]
    columns: tuple[pa.ChunkedArray, ...]
    where: str
    reading: Reading = field(default=UNREAD, repr=False)
    notes: tuple[str, ...] = ()
    row_numbers: IntArray | None = None
    folder: Path = Path()
    row_names: tuple[str, pa.Array] | None = None
    carried: pa.Table | None = None
    starts: Mapping[int, pa.ChunkedArray] = field(default_factory=dict, repr=False)
    encoded: frozenset[int] = frozenset()

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0]) if self.columns else 0

    def row(self, index: int) -> int:
        """Number of a row in the source, from 1, for messages."""
        return index + 1 if self.row_numbers is None else int(self.row_numbers[index])

    def with_rows(self, mask: BoolArray) -> RawTable:
        """The rows of a mask, ``(n_rows,)``; the table itself if the mask selects all of them."""
        if mask.all():
            return self
        keep = pa.array(mask)
        columns = tuple(column.filter(keep) for column in self.columns)
        numbers = np.flatnonzero(mask) + 1 if self.row_numbers is None else self.row_numbers[mask]
        names = self.row_names and (self.row_names[0], self.row_names[1].filter(keep))
        starts = {at: c.filter(keep.slice(0, len(c))) for at, c in self.starts.items()}
        return replace(self, columns=columns, row_numbers=numbers, row_names=names, starts=starts)

    def only(self, positions: Sequence[int]) -> RawTable:
        """The columns at the given positions, in that order."""
        return replace(
            self,
            names=tuple(self.names[i] for i in positions),
            columns=tuple(self.columns[i] for i in positions),
            starts={n: self.starts[i] for n, i in enumerate(positions) if i in self.starts},
            encoded=frozenset(n for n, i in enumerate(positions) if i in self.encoded),
        )

    def emptied(self) -> tuple[RawTable, list[pa.ChunkedArray]]:
        """The table without values, and its columns, so that a caller can release each column."""
        nothing = pa.chunked_array([pa.nulls(self.n_rows)])
        return replace(self, columns=(nothing,) * len(self.columns)), [*self.columns]

    def position(self, name: str, role: str) -> int:
        """Position of the column of that name; the last one if the name is repeated.

        Args:
            name: Name of the column.
            role: Its use, for the message, such as ``the target``.

        Raises:
            DataError: There is no such column; the message suggests the nearest name.
        """
        names: Sequence[str] = self.names
        if name not in names:
            names, name = [composed(n) for n in names], composed(name)
        if name in names:
            return len(names) - 1 - names[::-1].index(name)
        raise DataError(
            f"{self.where} has no column {name!r} for {role}{suggestion(name, self.names)} "
            f"The columns are {format_names(self.names)}"
        )


def composed(name: str) -> str:
    """A name as it is compared: stripped, and in Unicode's composed form (NFC).

    Files have spaces after commas, and may write an accent as a separate character.
    """
    return unicodedata.normalize("NFC", name).strip()


def snake_case(name: str) -> str:
    """A name in lower case, with its capitalised words separated."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def occurrence_numbers(names: Sequence[str]) -> list[int]:
    """Number of earlier occurrences of each name."""
    seen: Counter[str] = Counter()
    counts = []
    for name in names:
        counts.append(seen[name])
        seen[name] += 1
    return counts


def let_go(columns: list[pa.ChunkedArray], position: int) -> None:
    """Removes the values of a column from a list, and releases their memory."""
    n_rows = len(columns[position])
    columns[position] = pa.chunked_array([pa.nulls(0)])
    if n_rows >= MANY_ROWS:
        pa.default_memory_pool().release_unused()


def format_names(names: Sequence[str], at_most: int = 12) -> str:
    """Returns names for a message, such as ``'a', 'b' and 7 more``."""
    shown = ", ".join(repr(shortened(name, 60)) for name in names[:at_most])
    more = len(names) - at_most
    return f"{shown} and {more:,} more" if more > 0 else shown


def no_rows(where: str, names: Sequence[str]) -> str:
    """Returns the message for a table that has column names but no rows."""
    return f"{where} has column names but no rows: {format_names(names)}. Add rows below the names"


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Returns ``"; did you mean 'x'?"``, or ``"."`` when no choice is near."""
    choices = list(choices)
    same = [choice for choice in choices if choice.strip().lower() == word.strip().lower()]
    return f"; did you mean {same[0]!r}?" if same else did_you_mean(word, choices) or "."


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array, without a copy if it has one chunk."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def plain_strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Casts large, view and binary strings of a column to plain ``string``.

    Dictionaries get int32 indices. Other columns, and bytes that are not text, are returned
    unchanged.

    Raises:
        pa.ArrowInvalid: Texts are not UTF-8.
    """
    kind = column.type
    if _is_odd_string(kind):
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            if not is_bytes(kind):
                raise
            return column
    if pa.types.is_dictionary(kind):
        value_type = pa.string() if _is_odd_string(kind.value_type) else kind.value_type
        chunks = [
            pa.DictionaryArray.from_arrays(
                chunk.indices.cast(pa.int32()), chunk.dictionary.cast(value_type)
            )
            for chunk in column.chunks
        ]
        return pa.chunked_array(chunks, type=pa.dictionary(pa.int32(), value_type))
    return column


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a type is bytes of any length, which may be text."""
    return kind in (pa.binary(), pa.large_binary(), pa.binary_view())


def _is_odd_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or is_bytes(kind))
