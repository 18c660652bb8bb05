"""Picks a few example values of a column, as read from the source."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.values import to_strings
from automl.formatting import shortened

__all__ = ["EXAMPLE_LENGTH", "MORE_ROWS", "examples_of"]

EXAMPLE_LENGTH = 40
N_EXAMPLES = 3
FIRST_ROWS, MORE_ROWS = 8, 2000
"""The first rows mostly hold enough distinct values; more rows of many columns take long."""


def examples_of(column: pa.ChunkedArray) -> tuple[str, ...]:
    """The first distinct values of a column as texts, at most three, truncated."""
    first = _different(column.slice(0, FIRST_ROWS))
    if len(first) >= N_EXAMPLES:
        return first
    return _different(column.slice(0, MORE_ROWS)) or _different(
        column.drop_null().slice(0, MORE_ROWS)
    )


def _different(column: pa.ChunkedArray) -> tuple[str, ...]:
    if len(column) <= FIRST_ROWS:  # a loop is faster than array operations
        known = dict.fromkeys(text for text in to_strings(column).to_pylist() if text is not None)
        texts = [*known][:N_EXAMPLES]
    else:
        texts = pc.unique(to_strings(column).drop_null())[:N_EXAMPLES].to_pylist()
    return tuple(shortened(text, EXAMPLE_LENGTH) for text in texts)
