"""Many columns of few rows as one long array.

To call Arrow for each of thousands of columns takes longer than to convert their values.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

__all__ = ["FEW_ROWS", "MANY_COLUMNS", "encoded", "joined", "parted"]

FEW_ROWS, MANY_COLUMNS = 32, 32
MOST_NAMES = 100_000
"""Names in all dictionaries, up to which one dictionary is made of them."""
_FIRST = pa.array([0], pa.int32())


def joined(columns: Sequence[pa.Array | pa.ChunkedArray]) -> pa.Array:
    """The values of columns of one type, one column after the other.

    Dictionaries are decoded.
    """
    parts: list[pa.Array] = []
    for column in columns:
        parts += column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    if not pa.types.is_dictionary(columns[0].type):
        return pa.concat_arrays(parts)
    if sum(len(part.dictionary) for part in parts) <= MOST_NAMES:
        return pa.concat_arrays(parts).dictionary_decode()  # one dictionary is made of all
    return pa.concat_arrays([part.dictionary_decode() for part in parts])


def parted(values: pa.Array, n_rows: int) -> list[pa.Array]:
    """The columns of ``n_rows`` each that ``joined`` put one after the other."""
    return [values.slice(start, n_rows) for start in range(0, len(values), n_rows)]


def encoded(column: pa.Array) -> pa.Array:
    """A column of texts as a dictionary; that of one text is made without a call of a kernel."""
    if len(column) == 1 and not column.null_count:
        return pa.DictionaryArray.from_arrays(_FIRST, column)
    return column.dictionary_encode()
