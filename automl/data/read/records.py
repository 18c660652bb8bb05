"""Reads rows of Python values: a dict or a Series is one row, a list of dicts is several."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from automl.data.raw_table import RawTable, format_names, plain_strings
from automl.data.short_columns import FEW_ROWS, MANY_COLUMNS, parted
from automl.errors import DataError

__all__ = ["column_of", "read_records"]


def read_records(source: Any) -> RawTable | None:
    """Reads rows, or columns by name.

    Args:
        source: A dict of single values (one row) or of lists, arrays or Series (columns), a
            sequence of dicts (rows; a key that a row lacks is a missing value), or a pandas
            Series with column names as its index (one row).

    Returns:
        The table; None if ``source`` is none of these.

    Raises:
        DataError: ``source`` is one of these, but ambiguous or inconsistent.
    """
    if _is_series(source):
        return _of_series(source)
    if isinstance(source, Mapping):
        return _of_mapping(source)
    if isinstance(source, list | tuple) and source:
        return _of_rows(source)
    return None


def _of_series(series: Any) -> RawTable:
    if all(isinstance(label, int) for label in series.index) and isinstance(series.name, str):
        raise DataError(
            f"a Series is one row, with the column names as its index; {series.name!r} looks "
            "like a column: give series.to_frame()"
        )
    columns = [[value] for value in series.tolist()]
    return _table([str(label) for label in series.index], columns, "the Series")


def _of_mapping(source: Mapping[Any, Any]) -> RawTable:
    several = [str(key) for key, value in source.items() if _is_column(value)]
    if not several and source:
        return _table([str(k) for k in source], [[v] for v in source.values()], "the dict")
    if len(several) < len(source):
        one = [str(key) for key in source if str(key) not in several]
        raise DataError(
            f"the dict has single values ({format_names(one, at_most=3)}) and lists "
            f"({format_names(several, at_most=3)}): give single values for one row, lists of "
            "equal length for columns, or [{...}] for a row whose values are lists"
        )
    lengths = {len(value) for value in source.values()}
    if len(lengths) > 1:
        raise DataError(
            "the columns of the dict differ in length: "
            + ", ".join(f"{key!r} {len(value)}" for key, value in list(source.items())[:5])
        )
    return _table([str(key) for key in source], list(source.values()), "the dict")


def _of_rows(rows: Sequence[Any]) -> RawTable:
    other = next((i for i, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if other is not None:
        raise DataError(
            f"a list of rows must hold dicts; item {other} is of type {type(rows[other]).__name__}"
        )
    keys = list(dict.fromkeys(key for row in rows for key in row))
    columns = [[row.get(key) for row in rows] for key in keys]
    return _table([str(key) for key in keys], columns, "the list of rows")


def _table(names: Sequence[str], columns: Sequence[Any], where: str) -> RawTable:
    known = _columns_at_once(columns)
    arrays = [
        known[i] if i in known else column_of(values, name, where)
        for i, (name, values) in enumerate(zip(names, columns, strict=True))
    ]
    return RawTable(tuple(names), tuple(arrays), where)


def _columns_at_once(columns: Sequence[Any]) -> dict[int, pa.ChunkedArray]:
    """Converts many short columns of only texts or only floats at once, by position."""
    n_rows = len(columns[0]) if columns else 0
    if not 0 < n_rows <= FEW_ROWS or len(columns) < MANY_COLUMNS:
        return {}
    found: dict[int, pa.ChunkedArray] = {}
    for kind in (str, float):
        at = [i for i, values in enumerate(columns) if _is_of(kind, values, n_rows)]
        try:
            array = pa.array([value for i in at for value in columns[i]], from_pandas=True)
        except UnicodeEncodeError:  # lone surrogates
            continue
        found |= zip(at, map(pa.chunked_array, zip(parted(array, n_rows))), strict=True)
    return found


def _is_of(kind: type, values: Any, n_rows: int) -> bool:
    """Whether values are a list of ``n_rows`` of one type, and not all NaN, which has no type."""
    return (
        type(values) is list
        and len(values) == n_rows
        and all(type(value) is kind for value in values)
        and any(value == value for value in values)
    )


def column_of(values: Any, name: str, where: str) -> pa.ChunkedArray:
    """Converts a column to Arrow; values of mixed types become text."""
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        texts = [None if _is_missing(value) else str(value) for value in values]
        array = pa.array(texts, type=pa.string())
    column = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    try:
        return plain_strings(column)
    except pa.ArrowInvalid:
        raise DataError(
            f"column {name!r} of {where} holds bytes that are not UTF-8 text: decode or drop it"
        ) from None


def _is_column(value: Any) -> bool:
    """Whether a value of a dict is a column: a list, an array or a Series, but not a text."""
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
        return False
    return getattr(value, "ndim", 1) > 0


def _is_missing(value: Any) -> bool:
    """Whether a value is None, or NaN, NaT or NA, which do not equal themselves."""
    try:
        return value is None or not bool(value == value)
    except TypeError:  # bool(NA) raises
        return True
    except ValueError:  # so does that of an array
        return False


def _is_series(source: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(source, pandas.Series)
