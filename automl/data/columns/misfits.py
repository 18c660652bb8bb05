"""Values that fit no reading of their column: counted, and said once, or refused."""

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
from numpy.typing import NDArray

from automl.data.options import NO_NUMBERS
from automl.data.raw_table import RawTable
from automl.data.table import Column, Misfits, Table
from automl.errors import DataError, MisfitWarning
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
"""Settings of a search that read its own values otherwise."""

EXAMPLES = 3
LONGEST_EXAMPLE = 40
MOST_COLUMNS = 5
"""Columns of one message; of the others their number."""
LOOKED_AT = 1000
"""Rows with misfits that examples are taken from."""
_OWN_FILES = (f"{Path(__file__).parents[2]}/", contextlib.__file__)
"""Files that a warning does not point to: it points to the line that predicts."""


def find_misfits(
    raw: RawTable, source: pa.ChunkedArray, stored: pa.Array, column: Column
) -> Misfits | None:
    """Counts the values of a column that are missing because they do not fit its kind.

    Empty cells, NaN and marks of a missing value are missing by themselves. Categories that were
    not seen before are values.

    Args:
        raw: The new rows.
        source: The column as it was read, ``(n_rows,)``.
        stored: The same in the storage type of its kind, ``(n_rows,)``.
        column: The column of the known table.

    Returns:
        What does not fit; None where all does.
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
        tuple(_short(text) for text in list(texts)[:EXAMPLES]),
        raw.row(int(rows[first[0]])),
    )


def with_misfits(
    column: Column, raw: RawTable, source: pa.ChunkedArray, values: pa.Array
) -> Column:
    """Names what was lost of values that are no texts of numbers: those were counted before."""
    loses = column.kind in (ColumnKind.DATETIME, ColumnKind.BOOLEAN) or _is_infinite(source, column)
    if column.left_out or not loses:
        return column
    found = find_misfits(raw, source, values, column)
    return column if found is None else replace(column, n_misfits=found.n, misfits=found.examples)


def _is_infinite(source: pa.ChunkedArray, column: Column) -> bool:
    """Whether numbers that were read as numbers hold an infinite one."""
    if column.kind is not ColumnKind.NUMERIC or not pa.types.is_floating(source.type):
        return False
    return bool(pc.any(pc.is_inf(source.cast(pa.float64()))).as_py())


def known_misfits(table: Table) -> list[Misfits]:
    """The misfits of a table that is learnt from, as its columns count them."""
    return [
        Misfits(c.name, c.kind, c.n_misfits, table.n_rows, tuple(map(_short, c.misfits)), 0)
        for c in table.used
        if c.n_misfits
    ]


def misfit_text(misfits: Sequence[Misfits]) -> str:
    """One message on the misfits of all columns, the worst first; "" where there are none."""
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
        misfits: What does not fit.
        where: What was read.
        way_out: What helps besides correcting the cells.

    Raises:
        DataError: There are some.
    """
    if misfits:
        found = misfit_text(misfits).removeprefix("values that cannot be read count as missing: ")
        raise DataError(
            f"{where} holds values that cannot be read: {found}. Correct these cells, or empty "
            f"them if the value is missing; {way_out}{named('data.strict', False)} takes them for "
            "missing"
        )


def warn_of_misfits(misfits: Sequence[Misfits]) -> None:
    """Warns the caller of this package of the misfits of all columns, at once."""
    if misfits:
        counts = {m.column: m.n for m in misfits}
        text = f"{misfit_text(misfits)}. {named('data.strict', True)} makes this an error"
        warnings.warn(MisfitWarning(text, counts), stacklevel=_callers_level())


def _callers_level() -> int:
    """How many calls above ``warn_of_misfits`` the first line outside this package stands."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FILES):
        frame, level = frame.f_back, level + 1
    return level


def _are_odd(values: pa.ChunkedArray, kind: ColumnKind, marks: frozenset[str]) -> NDArray[np.bool_]:
    """Whether values are neither empty nor marks of a missing value, ``(n,)``."""
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
    name = misfits.column if len(misfits.column) <= 60 else misfits.column[:57] + "..."
    examples = " | ".join(map(repr, misfits.examples))
    return (
        f"column {name!r} ({misfits.kind.value}): {misfits.n:,} of {misfits.n_rows:,} "
        f"row{'' if misfits.n_rows == 1 else 's'}, such as {examples}{_place(misfits)}"
    )


def _place(misfits: Misfits) -> str:
    if not misfits.first_row:
        return ""
    return f" ({'' if misfits.n == 1 else 'first '}in row {misfits.first_row:,})"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[: LONGEST_EXAMPLE - 3]}..."
