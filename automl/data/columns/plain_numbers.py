"""Reads columns of texts that are all plain numbers, without collecting the distinct texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.numbers import finite
from automl.data.options import Reading
from automl.data.short_columns import joined, parted

__all__ = ["n_different", "plain_column", "plain_columns", "plain_part"]

FIRST_ROWS = 1000
FEW_ROWS = 100_000
"""Rows up to which chunks are merged first: one cast per small chunk is slow."""
LONGEST = 15
"""Largest number of digits of a whole number that is not a code."""
SO_FEW = 40
"""Rows up to which a Python loop is faster than array operations."""
SHORT_ROWS, AT_ONCE = 1000, 256
"""Columns of so few rows are cast so many at once: one cast per short column is slow."""
_CODE = re.compile(r"[+-]?0[0-9]")
ZERO, NINE, POINT = b"09."


def plain_column(column: pa.ChunkedArray, reading: Reading) -> pa.Array | None:
    """Reads a column whose texts are all numbers such as 12, -1.5 or 1e-3, and not codes.

    Args:
        column: Strings, ``(n_rows,)``.
        reading: Rules for reading its texts.

    Returns:
        float64, ``(n_rows,)``, null where missing or not finite. None if a text is not such a
        number, may be a code such as ``007``, or may be ambiguous, or if no row has a value.
    """
    mark = reading.usual if reading.decimal is None else reading.decimal
    if mark != "." or reading.form is not None:
        return None
    if column.num_chunks > 1 and len(column) <= FEW_ROWS:
        column = pa.chunked_array([column.combine_chunks()])
    parts = []
    for texts in column.chunks:
        part = plain_part(texts)
        if part is None:
            return None
        parts.append(part)
    values = finite(parts[0] if len(parts) == 1 else pa.concat_arrays(parts))
    return None if values.null_count == len(values) else values


def plain_columns(columns: Sequence[pa.ChunkedArray], reading: Reading) -> dict[int, pa.Array]:
    """Reads short columns like ``plain_column``, many at once.

    Args:
        columns: Columns of any type, ``(n_rows,)`` each.
        reading: Rules for reading their texts.

    Returns:
        The values of some of the columns that ``plain_column`` reads, by position.
    """
    found: dict[int, pa.Array] = {}
    n_rows = len(columns[0]) if columns else 0
    mark = reading.usual if reading.decimal is None else reading.decimal
    if not 0 < n_rows <= SHORT_ROWS or len(columns) < AT_ONCE or mark != ".":
        return {}
    texts = [i for i, column in enumerate(columns) if pa.types.is_string(column.type)]
    for start in range(0, len(texts), AT_ONCE):
        at = texts[start : start + AT_ONCE]
        values = plain_part(joined([columns[i] for i in at]))
        if values is not None:
            found |= zip(at, parted(finite(values), n_rows), strict=True)
    return {i: values for i, values in found.items() if values.null_count < n_rows}


def plain_part(texts: pa.Array) -> pa.Array | None:
    """Reads some rows of a column like ``plain_column``.

    Args:
        texts: Strings, ``(n_rows,)``.

    Returns:
        float64, ``(n_rows,)``, including non-finite values; None if a text is not a plain number.
    """
    try:
        if len(texts) > FIRST_ROWS:
            texts.slice(0, FIRST_ROWS).cast(pa.float64())
        values = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return None if _may_have_codes(texts, values) else values


def _may_have_codes(texts: pa.Array, values: pa.Array) -> bool:
    """Whether a number has a leading zero, or more digits than float64 can keep."""
    if len(texts) <= SO_FEW:
        return any(
            _CODE.match(text) or (len(text) > LONGEST and abs(number) >= 10.0**LONGEST)
            for text, number in zip(texts.to_pylist(), values.to_pylist(), strict=True)
            if text is not None
        )
    _, ends, data = texts.buffers()
    if data is None or not len(data):
        return False
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data, np.uint8)
    lengths = np.diff(offsets)
    if (rows := np.flatnonzero(lengths > LONGEST)).size:
        numbers = values.to_numpy(zero_copy_only=False)[rows]
        if (np.abs(numbers) >= 10.0**LONGEST).any():
            return True
    first = data.take(offsets[:-1], mode="clip")
    rows = np.flatnonzero((first <= ZERO) & (first != POINT) & (lengths > 1))
    starts = offsets[rows] + (first[rows] != ZERO)  # behind the sign
    rest = offsets[rows + 1] - starts > 1
    starts = starts[rest]
    after = data[starts + 1]
    return bool(((data[starts] == ZERO) & (after >= ZERO) & (after <= NINE)).any())


def n_different(values: pa.Array) -> int:
    """Number of distinct values of a column, without missing ones.

    Numbers are sorted, which is several times faster than a hash table. They are compared by
    bits, as by Arrow: 0 and -0 differ.

    Args:
        values: In the storage type of a kind (see ``Table``), ``(n_rows,)``; no NaN.
    """
    if not pa.types.is_float64(values.type):
        is_dictionary = pa.types.is_dictionary(values.type)
        return int(pc.count_distinct(values.indices if is_dictionary else values).as_py())
    known = values.drop_null() if values.null_count else values
    bits = np.sort(known.to_numpy().view(np.int64))
    return int(np.count_nonzero(bits[1:] != bits[:-1])) + (bits.size > 0)
