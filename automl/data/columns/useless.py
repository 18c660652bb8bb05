"""Detects useless columns: empty, constant, or unique like an id."""

from __future__ import annotations

import re
import uuid

import numpy as np
import pyarrow as pa

from automl.data.raw_table import snake_case
from automl.plugin.task import ColumnKind

__all__ = ["ID_LIKE", "useless_reason"]

ID_LIKE = "id-like: "
ID_NAME = re.compile(r"(^|[^a-z])(id|ids|uuid|guid|index|idx|key|rowid|rownum|row)($|[^a-z])")
FEWEST_ROWS_FOR_IDS = 10
FEWEST_ROWS_FOR_COUNTERS = 50
COUNTER_SPAN = 1.1
"""Unique whole numbers are row numbers if they span at most this many times the rows."""


def useless_reason(name: str, values: pa.Array, kind: ColumnKind, n_distinct: int) -> str:
    """Returns the reason why a column is useless; "" if it may be useful.

    Args:
        name: Name of the column.
        values: Its values in the storage type of its kind, ``(n_rows,)``.
        kind: The column kind.
        n_distinct: Number of distinct values.
    """
    n_rows = len(values)
    if n_distinct == 0:
        return "empty: no row has a usable value"
    if n_distinct == 1 and values.null_count == 0:
        return "constant: all rows have the same value"
    if n_rows < FEWEST_ROWS_FOR_IDS or values.null_count:
        return ""
    if kind is ColumnKind.NUMERIC and n_distinct == n_rows:
        return _counter(name, values)
    if kind is ColumnKind.CATEGORICAL:
        if n_distinct == n_rows:
            return f"{ID_LIKE}every row has a different value"
        if n_distinct >= 0.95 * n_rows and _is_uuid(values[0].as_py()):
            return f"{ID_LIKE}its values are UUIDs"
    return ""


def _counter(name: str, values: pa.Array) -> str:
    numbers = values.to_numpy(zero_copy_only=False)
    if not np.equal(numbers, np.floor(numbers)).all():
        return ""  # measurements are often unique; only whole numbers can be row numbers
    snake = snake_case(name)
    if not name.strip() or snake.startswith("unnamed:") or ID_NAME.search(snake):
        return f"{ID_LIKE}unique whole numbers, named like an id or index"
    span = float(numbers.max() - numbers.min()) + 1
    if len(numbers) >= FEWEST_ROWS_FOR_COUNTERS and span <= COUNTER_SPAN * len(numbers):
        return f"{ID_LIKE}it numbers the rows"
    return ""


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
