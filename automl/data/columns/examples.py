"""What a column is shown by: a few of its values, as they were read."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.values import as_texts

__all__ = ["EXAMPLE_LENGTH", "MORE_ROWS", "examples_of"]

EXAMPLE_LENGTH = 40
N_EXAMPLES = 3
FIRST_ROWS, MORE_ROWS = 8, 2000
"""The first rows mostly hold enough different values; looking at more of many columns takes long"""


def examples_of(column: pa.ChunkedArray) -> tuple[str, ...]:
    """The first different values of a column as texts, at most three, long ones cut."""
    first = _different(column.slice(0, FIRST_ROWS))
    if len(first) >= N_EXAMPLES:
        return first
    return _different(column.slice(0, MORE_ROWS)) or _different(
        column.drop_null().slice(0, MORE_ROWS)
    )


def _different(column: pa.ChunkedArray) -> tuple[str, ...]:
    texts = pc.unique(as_texts(column).drop_null())[:N_EXAMPLES].to_pylist()
    return tuple(t if len(t) <= EXAMPLE_LENGTH else t[: EXAMPLE_LENGTH - 3] + "..." for t in texts)
