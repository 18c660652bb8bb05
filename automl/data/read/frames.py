"""Reads tables in memory: pandas, polars, Arrow, rows of Python values, 2-D arrays."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from automl.data import short_columns
from automl.data.options import ReadOptions
from automl.data.raw_table import RawTable, plain_strings
from automl.data.read.records import column_of, read_records
from automl.data.short_columns import parted
from automl.errors import DataError
from automl.surface import named

__all__ = ["read_frame"]

FEW_ROWS, MANY_COLUMNS = 1000, 1000


def read_frame(source: Any, options: ReadOptions) -> RawTable:
    """Reads a pandas, polars or Arrow table, rows of Python values, or a 2-D array.

    Raises:
        DataError: ``source`` is none of these, or a column of it cannot be read.
    """
    if options.sql is not None:
        raise DataError(
            f"{named('data.sql')} is set, but the data is a table in memory: give a database URL"
        )
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(source, pandas.DataFrame):
        return _from_pandas(source)
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if (rows := read_records(source)) is not None:
        return rows
    if not hasattr(source, "__arrow_c_stream__"):
        raise DataError(
            f"data of type {type(source).__name__} cannot be read: give a path, a database URL, "
            "a pandas, polars or Arrow table, a dict, or a list of dicts"
        )
    try:
        table = pa.table(source)
        columns = tuple(plain_strings(column) for column in table.columns)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"the table cannot be converted to an Arrow table: {error}") from None
    return RawTable(tuple(table.column_names), columns, "the table")


def _from_pandas(frame: Any) -> RawTable:
    # lone surrogates are legal in Python strings but not in files: they become "?" everywhere
    names = tuple(str(n).encode(errors="replace").decode() for n in frame.columns)
    known = _columns_at_once(frame)
    others = [i for i in range(len(names)) if i not in known]
    rest = (frame.iloc[:, others] if known else frame).items()
    for i, (_, series) in zip(others, rest, strict=True):
        known[i] = column_of(_plain(series), names[i], "the data frame")
    return RawTable(names, tuple(known[i] for i in range(len(names))), "the data frame")


def _columns_at_once(frame: Any) -> dict[int, pa.ChunkedArray]:
    """Converts many columns at once, by position, because one Series per column is slow.

    Done if rows are few or columns many: for NumPy float64 columns, which mostly share memory with
    the frame, and, if rows are few, for pandas strings.
    """
    import pandas as pd

    n_rows, n_columns = frame.shape
    if not n_rows or (n_rows > FEW_ROWS and n_columns < MANY_COLUMNS):
        return {}
    dtypes = list(frame.dtypes)
    at = [i for i, dtype in enumerate(dtypes) if dtype == np.float64]
    row = frame.iloc[0].to_numpy(dtype=object) if n_rows == 1 else None

    def values(kind: pa.DataType) -> Iterator[tuple[int, pa.ChunkedArray]]:
        """The columns at ``at``; a single row is extracted as a row, which is faster."""
        if row is None:
            part = frame if len(at) == n_columns else frame.iloc[:, at]
            cells = part.to_numpy().ravel(order="F")
        else:
            cells = row[at]
        array = pa.array(cells, type=kind, from_pandas=True)
        return zip(at, map(pa.chunked_array, zip(parted(array, n_rows))), strict=True)

    found: dict[int, pa.ChunkedArray] = {}
    if len(at) == n_columns or (at and n_rows <= FEW_ROWS):
        found |= values(pa.float64())
    at = [i for i, dtype in enumerate(dtypes) if isinstance(dtype, pd.StringDtype)]
    if len(at) >= short_columns.MANY_COLUMNS and n_rows <= short_columns.FEW_ROWS:
        with contextlib.suppress(UnicodeEncodeError):  # lone surrogates
            found |= values(pa.string())
    return found


def _plain(series: Any) -> Any:
    """Converts a series of a type that only pandas has.

    Intervals become categories of their names, periods their start time, and categories of dates
    or periods those dates.
    """
    import pandas as pd

    kind = series.dtype
    if isinstance(kind, np.dtype):
        return series
    if isinstance(kind, pd.CategoricalDtype):
        of = kind.categories.dtype
        if isinstance(of, pd.IntervalDtype):
            return series.cat.rename_categories([str(c) for c in kind.categories])
        if isinstance(of, pd.PeriodDtype) or pd.api.types.is_datetime64_any_dtype(of):
            return _plain(series.astype(of))
    if isinstance(kind, pd.IntervalDtype):
        return series.astype(str).where(series.notna(), None).astype("category")
    if isinstance(kind, pd.PeriodDtype):
        return series.dt.to_timestamp()
    return series


def _from_array(array: Any) -> RawTable:
    if array.ndim != 2:
        raise DataError(f"an array must have 2 dimensions (rows, columns), not {array.ndim}")
    names = tuple(str(i) for i in range(array.shape[1]))
    columns = []
    for i, column in enumerate(array.T):
        values = column.tolist() if array.dtype == object else np.ascontiguousarray(column)
        try:
            columns.append(pa.chunked_array([pa.array(values, from_pandas=True)]))
        except (pa.ArrowException, TypeError) as error:
            raise DataError(f"column {i} of the array cannot be read: {error}") from None
    return RawTable(names, tuple(columns), "the array")
