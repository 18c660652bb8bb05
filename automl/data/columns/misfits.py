"""Finds values that do not fit the kind of their column, and warns of them or refuses them."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.options import NO_NUMBERS
from automl.data.raw_table import RawTable
from automl.data.table import BoolArray, Column, Misfits, Table
from automl.errors import DataError, MisfitWarning
from automl.formatting import shortened
from automl.plugin.task import TABULAR_KINDS, ColumnKind
from automl.surface import named

__all__ = [
    "WAYS_OUT",
    "find_misfits",
    "known_misfits",
    "misfit_text",
    "refuse_misfits",
    "warn_of_misfits",
    "with_misfits",
]

WAYS_OUT = (
    "data.missing=[TEXT] makes a text a mark of a missing value, data.kinds={COLUMN: categorical} "
    "makes texts categories, "
)
"""Settings of a search that change how its values are read, as text for messages."""

EXAMPLES = 3
MOST_COLUMNS = 5
"""Largest number of columns in one message; the others are counted."""
LOOKED_AT = 1000
"""Largest number of rows with misfits from which examples are taken."""
_OWN_FILES = (f"{Path(__file__).parents[2]}/", contextlib.__file__)
"""Files that a warning skips, so that it points to the user's line."""


def find_misfits(
    raw: RawTable, source: pa.ChunkedArray, stored: pa.Array, column: Column
) -> Misfits | None:
    """Counts the values of a column that became missing because they do not fit its kind.

    Empty cells, NaN and texts that mean a missing value are not misfits; nor are unseen
    categories.

    Args:
        raw: The rows.
        source: The column as read from the source, ``(n_rows,)``.
        stored: The same in the storage type of its kind, ``(n_rows,)``.
        column: The column of the training table.

    Returns:
        The misfits; None if every value fits.
    """
    if column.kind not in TABULAR_KINDS or stored.null_count <= source.null_count:
        return None
    lost = pc.and_(stored.is_null(), source.combine_chunks().is_valid())
    rows = np.flatnonzero(np.asarray(lost))
    values = source.take(pa.array(rows))
    odd = _are_odd(values, column.kind, raw.reading.marks)
    if not odd.any():
        return None
    first = np.flatnonzero(odd)[:LOOKED_AT]
    texts = dict.fromkeys(str(value) for value in values.take(pa.array(first)))
    return Misfits(
        column.name,
        column.kind,
        int(odd.sum()),
        raw.n_rows,
        tuple(map(shortened, list(texts)[:EXAMPLES])),
        raw.row(int(rows[first[0]])),
    )


def with_misfits(
    column: Column, raw: RawTable, source: pa.ChunkedArray, values: pa.Array
) -> Column:
    """Adds the misfits of dates, booleans and infinite numbers; others are counted before."""
    if values.null_count <= source.null_count:
        return column
    loses = column.kind in (ColumnKind.DATETIME, ColumnKind.BOOLEAN) or _is_infinite(source, column)
    if column.left_out or not loses:
        return column
    found = find_misfits(raw, source, values, column)
    return column if found is None else replace(column, n_misfits=found.n, misfits=found.examples)


def _is_infinite(source: pa.ChunkedArray, column: Column) -> bool:
    """Whether a numeric column of float type holds an infinite value."""
    if column.kind is not ColumnKind.NUMERIC or not pa.types.is_floating(source.type):
        return False
    return bool(pc.any(pc.is_inf(source.cast(pa.float64()))).as_py())


def known_misfits(table: Table) -> list[Misfits]:
    """The misfits of a training table, from the counts of its columns."""
    return [
        Misfits(c.name, c.kind, c.n_misfits, table.n_rows, tuple(map(shortened, c.misfits)), 0)
        for c in table.used
        if c.n_misfits
    ]


def misfit_text(misfits: Sequence[Misfits]) -> str:
    """One message on the misfits of all columns, worst first; "" if there are none."""
    if not misfits:
        return ""
    worst = sorted(misfits, key=lambda m: -m.n)
    named = "; ".join(_of_column(m) for m in worst[:MOST_COLUMNS])
    more = len(worst) - MOST_COLUMNS
    others = "" if more <= 0 else f"; and {more:,} more column{'' if more == 1 else 's'}"
    return f"values that cannot be read count as missing: {named}{others}"


def refuse_misfits(misfits: Sequence[Misfits], where: str, way_out: str = "") -> None:
    """Refuses rows with values that cannot be read.

    Args:
        misfits: The misfits; may be empty.
        where: Name of the source.
        way_out: Remedies besides correcting the cells, as text.

    Raises:
        DataError: There are misfits.
    """
    if misfits:
        found = misfit_text(misfits).removeprefix("values that cannot be read count as missing: ")
        raise DataError(
            f"{where} holds values that cannot be read: {found}. Correct these cells, or empty "
            f"them if the value is missing; {way_out}{named('data.strict', False)} treats them as "
            "missing"
        )


def warn_of_misfits(misfits: Sequence[Misfits]) -> None:
    """Issues one warning on the misfits of all columns, at the line of the caller of automl."""
    if misfits:
        counts = {m.column: m.n for m in misfits}
        text = f"{misfit_text(misfits)}. {named('data.strict', True)} makes this an error"
        warnings.warn(MisfitWarning(text, counts), stacklevel=_callers_level())


def _callers_level() -> int:
    """Stack level, counted from ``warn_of_misfits``, of the first line outside this package."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FILES):
        frame, level = frame.f_back, level + 1
    return level


def _are_odd(values: pa.ChunkedArray, kind: ColumnKind, marks: frozenset[str]) -> BoolArray:
    """Whether values are neither empty nor texts that mean a missing value, ``(n,)``."""
    if pa.types.is_floating(values.type):
        return np.asarray(pc.invert(pc.is_nan(values)), dtype=bool)
    if not pa.types.is_string(values.type):
        return np.ones(len(values), dtype=bool)
    texts = pc.utf8_trim_whitespace(values)
    empty = pc.is_in(texts, pa.array(sorted({"", *marks})))
    if kind in (ColumnKind.NUMERIC, ColumnKind.DATETIME):
        empty = pc.or_(empty, pc.is_in(pc.utf8_lower(texts), pa.array(sorted(NO_NUMBERS))))
    return np.asarray(pc.invert(empty), dtype=bool)


def _of_column(misfits: Misfits) -> str:
    name, examples = shortened(misfits.column, 60), " | ".join(map(repr, misfits.examples))
    first = "" if misfits.n == 1 else "first "
    place = f" ({first}in row {misfits.first_row:,})" if misfits.first_row else ""
    return (
        f"column {name!r} ({misfits.kind.value}): {misfits.n:,} of {misfits.n_rows:,} "
        f"row{'' if misfits.n_rows == 1 else 's'}, such as {examples}{place}"
    )
