"""Joins many columns of few rows into one long array, and splits it again.

With thousands of columns, one Arrow call per column takes longer than converting the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pyarrow as pa

__all__ = ["FEW_ROWS", "MANY_COLUMNS", "encoded", "joined", "parted"]

FEW_ROWS, MANY_COLUMNS = 32, 32
MOST_NAMES = 100_000
"""Largest number of entries of all dictionaries together that are merged into one."""


def joined(columns: Sequence[pa.Array | pa.ChunkedArray]) -> pa.Array:
    """Concatenates columns of one type; dictionaries are decoded."""
    parts: list[pa.Array] = []
    for column in columns:
        parts += column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    if not pa.types.is_dictionary(columns[0].type):
        return pa.concat_arrays(parts)
    if sum(len(part.dictionary) for part in parts) <= MOST_NAMES:
        return pa.concat_arrays(parts).dictionary_decode()  # merges the dictionaries
    return pa.concat_arrays([part.dictionary_decode() for part in parts])


def parted(values: pa.Array, n_rows: int) -> list[pa.Array]:
    """Splits the result of ``joined`` into columns of ``n_rows``."""
    return [values.slice(start, n_rows) for start in range(0, len(values), n_rows)]


def encoded(column: pa.Array) -> pa.Array:
    """Dictionary-encodes a column of texts; a single text needs no Arrow kernel."""
    if len(column) == 1 and not column.null_count:
        return pa.DictionaryArray.from_arrays(_first(), column)
    return column.dictionary_encode()


@cache
def _first() -> pa.Array:
    """The index of a single text; made on first use, because ``pa.array`` imports pandas."""
    return pa.array([0], pa.int32())
