"""Joins features and target that are given separately (``X`` and ``y``) into one table."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from automl.errors import DataError

__all__ = ["is_values", "join_target"]

NAMES = ("target", "y")
"""Names for target values without a name; the first free one is used."""


def is_values(target: Any) -> bool:
    """Whether a target is given as values, not as the name of a column."""
    return not isinstance(target, str | bytes | tuple) and hasattr(target, "__len__")


def join_target(data: Any, target: Any) -> tuple[Any, str]:
    """Adds target values to the features as a column.

    Args:
        data: A pandas, polars or Arrow table, a mapping of columns, or a 2-D array of ``n_rows``.
        target: A pandas or polars Series, a frame of one column, an Arrow array, a NumPy array
            ``(n_rows,)`` or ``(n_rows, 1)``, or a list.

    Returns:
        The table, and the name of the target in it: that of the series, else ``target``. If the
        features include that column with the same values, it becomes the target.

    Raises:
        DataError: ``data`` and ``target`` differ in their rows, or ``data`` is not a table in
            memory.
    """
    if isinstance(data, str | os.PathLike):
        raise DataError(
            "target values (y) need a table in memory: name a column of the file, "
            "target='NAME', or read the file first"
        )
    y, name = _one_column(target)
    if isinstance(data, np.ndarray) and data.ndim == 2:
        import pandas as pd

        data = pd.DataFrame(data, columns=[str(i) for i in range(data.shape[1])])
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return _with_pandas(data, y, name)
    if isinstance(data, Mapping):
        data = pa.table({str(k): pa.array(v, from_pandas=True) for k, v in data.items()})
    if not hasattr(data, "__arrow_c_stream__"):
        raise DataError(
            f"features (X) of type {type(data).__name__} cannot be read: give a pandas, polars or "
            "Arrow table, a mapping of columns, or a 2-D array"
        )
    return _with_arrow(pa.table(data), y, name)


def _one_column(target: Any) -> tuple[Any, str | None]:
    """The values and their name; for a frame or a 2-D array its only column."""
    if getattr(target, "ndim", 1) == 2 or hasattr(target, "columns"):
        n_columns = int(target.shape[1])
        if n_columns != 1:
            raise DataError(
                f"y has {n_columns} columns, but a search has one target: give one of them"
            )
        if isinstance(target, np.ndarray):
            return target[:, 0], None
        if hasattr(target, "iloc"):
            target = target.iloc[:, 0]
        elif hasattr(target, "to_series"):
            target = target.to_series(0)
        else:
            return target.column(0), str(target.column_names[0])
    if getattr(target, "ndim", 1) != 1:
        raise DataError(f"y has {target.ndim} dimensions, expected one value for each row")
    name = getattr(target, "name", None)
    return target, None if name is None or name == "" else str(name)


def _with_pandas(frame: Any, y: Any, name: str | None) -> tuple[Any, str]:
    import pandas as pd

    _check_length(len(frame), len(y))
    if isinstance(y, pd.Series):
        _check_order(frame.index, y.index)
        series = pd.Series(y.array, index=frame.index)
    elif hasattr(y, "to_pandas"):  # polars, Arrow
        series = pd.Series(y.to_pandas().array, index=frame.index)
    else:
        series = pd.Series(y, index=frame.index)
    joined = frame.copy(deep=False)
    joined.columns = [str(column) for column in joined.columns]
    name, is_there = _name(name, list(joined.columns), lambda at: joined.iloc[:, at].equals(series))
    if not is_there:
        joined.insert(joined.shape[1], name, series)
    return joined, name


def _with_arrow(table: pa.Table, y: Any, name: str | None) -> tuple[pa.Table, str]:
    _check_length(table.num_rows, len(y))
    if hasattr(y, "to_arrow"):
        y = y.to_arrow()
    if not isinstance(y, pa.Array | pa.ChunkedArray):
        y = pa.array(y, from_pandas=True)
    column = y if isinstance(y, pa.ChunkedArray) else pa.chunked_array([y])
    name, is_there = _name(
        name, list(table.column_names), lambda at: table.column(at).equals(column)
    )
    return (table if is_there else table.append_column(name, column)), name


def _name(name: str | None, names: list[str], is_same: Any) -> tuple[str, bool]:
    """The name of the target, and whether the features already have that column.

    A series computed from a column of X has the same name but other values; it gets another name.

    Raises:
        DataError: The features use all possible names.
    """
    called = NAMES[0] if name is None else name
    if names.count(called) == 1 and is_same(names.index(called)):
        return called, True
    free = [other for other in (called, *NAMES) if other not in names]
    if not free:
        raise DataError(
            f"X has columns {', '.join(map(repr, dict.fromkeys((called, *NAMES))))}, with other "
            "values than y: give y another name, y.rename('NAME')"
        )
    return free[0], False


def _check_length(n_rows: int, n_values: int) -> None:
    if n_rows != n_values:
        raise DataError(f"X has {n_rows:,} rows and y {n_values:,} values: give one per row")


def _check_order(rows: Any, values: Any) -> None:
    """Refuses an index in another order, with which values would be paired with wrong rows."""
    if rows.equals(values) or not (rows.is_unique and values.is_unique):
        return
    if rows.dtype == values.dtype and rows.isin(values).all():
        raise DataError(
            "X and y have the same index in different orders, but rows are paired by position: "
            "sort one by the other, y = y.loc[X.index]"
        )
