"""Returns predictions in the type of the input: a pandas or polars Series for a frame."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from automl.data.table import Label, Table

__all__ = ["as_column", "as_columns"]


def as_column(data: Any, table: Table, values: NDArray[Any], name: str) -> Any:
    """Converts one prediction per row to the type of the input.

    Args:
        data: The rows as the caller passed them.
        table: The table read from them.
        values: The predictions, ``(n_rows,)``.
        name: Name of the target.

    Returns:
        A pandas or polars Series for a frame of that library, with the index of a pandas frame;
        the array for anything else.
    """
    if (pandas := _pandas_of(data)) is not None:
        return pandas.Series(values, index=_index(data, table), name=name)
    if (polars := _polars_of(data)) is not None:
        return polars.Series(name, values)
    return values


def as_columns(
    data: Any, table: Table, values: NDArray[Any], names: Sequence[Label], *, always: bool = False
) -> Any:
    """Converts several predictions per row to the type of the input.

    Args:
        data: The rows as the caller passed them.
        table: The table read from them.
        values: The predictions, ``(n_rows, n_names)``.
        names: Names of the columns.
        always: Whether to return a pandas frame, not the array, for rows that are not a frame.

    Returns:
        A pandas or polars frame for a frame of that library; otherwise see ``always``.
    """
    if (polars := _polars_of(data)) is not None:
        return polars.DataFrame({str(names[i]): values[:, i] for i in range(len(names))})
    pandas = _pandas_of(data)
    if pandas is None and not always:
        return values
    import pandas as pd

    index = None if pandas is None else _index(data, table)
    return pd.DataFrame(values, columns=list(names), index=index)


def _index(data: Any, table: Table) -> Any:
    """Index of the predictions; None where rows have names, as series do."""
    if table.row_names is not None:
        return None
    return data.index if data.ndim == 2 else [data.name]


def _pandas_of(data: Any) -> Any:
    """The pandas module, if the data is a pandas frame or a Series that is one row."""
    pandas = sys.modules.get("pandas")
    known = pandas is not None and isinstance(data, pandas.DataFrame | pandas.Series)
    return pandas if known else None


def _polars_of(data: Any) -> Any:
    polars = sys.modules.get("polars")
    return polars if polars is not None and isinstance(data, polars.DataFrame) else None
