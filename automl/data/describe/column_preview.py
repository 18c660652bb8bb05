"""Previews a typed column: its first values and its outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.table import FloatArray, IntArray
from automl.formatting import shortened
from automl.plugin.task import ColumnKind

__all__ = ["Look", "look_at"]

FIRST_ROWS, N_SHOWN = 2000, 3
FEWEST_ROWS = 20  # with fewer, no value counts as an outlier
FAR = 3.0
"""Interquartile ranges beyond the quartiles (Tukey, Exploratory Data Analysis, 1977: "far out")."""
MOST_SHARE, MOST_ROWS = 0.01, 2
"""Largest share, or number, of outliers; with more, the column has a long tail."""
SAMPLE_ROWS = 100_000
"""Rows sampled for the quartiles."""


@dataclass(frozen=True, slots=True)
class Look:
    """A preview of a column.

    Attributes:
        first: Its first distinct values, as text.
        n_outliers: Number of rows with an outlier.
        outliers: A few of the outliers, the farthest first.
    """

    first: tuple[str, ...]
    n_outliers: int = 0
    outliers: tuple[str, ...] = ()


def look_at(values: pa.ChunkedArray, kind: ColumnKind) -> Look:
    """Makes the preview of a column.

    Args:
        values: Values in the storage type of the kind, ``(n_rows,)``.
        kind: The column kind, not image or sequence.
    """
    some = pc.unique(values.slice(0, FIRST_ROWS).combine_chunks().drop_null())
    if not len(some):
        some = pc.unique(values.drop_null().slice(0, FIRST_ROWS).combine_chunks())
    first = tuple(_text(value, kind) for value in some[:N_SHOWN].to_pylist())
    if kind not in (ColumnKind.NUMERIC, ColumnKind.DATETIME):
        return Look(first)
    known = values.drop_null()
    numbers = known.cast(pa.int64()) if kind is ColumnKind.DATETIME else known
    far = _far_out(numbers.to_numpy().astype(np.float64))
    shown = (_text(known[int(at)].as_py(), kind) for at in far)
    return Look(first, len(far), tuple(dict.fromkeys(shown))[:N_SHOWN])


def _far_out(numbers: FloatArray) -> IntArray:
    """Row numbers of outliers, the farthest first; none if there are too many."""
    if len(numbers) < FEWEST_ROWS:
        return np.empty(0, np.int64)
    sample = numbers[:: max(1, len(numbers) // SAMPLE_ROWS)]
    low, high = np.quantile(sample, (0.25, 0.75))
    if high <= low:
        return np.empty(0, np.int64)
    distance = np.maximum(low - numbers, numbers - high)
    far = np.flatnonzero(distance > FAR * (high - low))
    if len(far) > max(MOST_ROWS, MOST_SHARE * len(numbers)):
        return np.empty(0, np.int64)
    return far[np.argsort(-distance[far], kind="stable")]


def _text(value: object, kind: ColumnKind) -> str:
    if kind is ColumnKind.BOOLEAN:
        return "true" if value else "false"
    if kind is ColumnKind.DATETIME:
        return str(value).removesuffix(" 00:00:00")
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return shortened(str(value))
