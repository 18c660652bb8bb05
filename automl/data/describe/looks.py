"""What a column looks like once it is read: its first values, and values far from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.plugin.task import ColumnKind

__all__ = ["Look", "look_at"]

FIRST_ROWS, N_SHOWN = 2000, 3
LONGEST = 40
FEWEST_ROWS = 20  # of which values may be far from the others
FAR = 3.0
"""Interquartile ranges beyond the quartiles (Tukey, Exploratory Data Analysis, 1977: "far out")."""
MOST_SHARE, MOST_ROWS = 0.01, 2
"""Of the rows that may be far out; where more are, the column has a long tail."""
SAMPLE_ROWS = 100_000
"""Rows that give the quartiles."""


@dataclass(frozen=True, slots=True)
class Look:
    """A column as it was read.

    Attributes:
        first: Its first different values, as text.
        n_outliers: Rows whose values lie far from the others.
        outliers: A few of these, the farthest first.
    """

    first: tuple[str, ...]
    n_outliers: int = 0
    outliers: tuple[str, ...] = ()


def look_at(values: pa.ChunkedArray, kind: ColumnKind) -> Look:
    """Looks at a column.

    Args:
        values: In the storage type of its kind, ``(n_rows,)``.
        kind: What they mean: any kind of cells, no images or sequences.
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


def _far_out(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows far from the others, the farthest first; none where they are many."""
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
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
