"""What makes scores look better than they will be: columns that give the target away, copied rows.

Nothing is left out on such grounds, for it may be right: it is said aloud.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.media import digests
from automl.data.table import Column, Dataset
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = ["suspicions"]

MIN_ROWS = 50  # below, a column may sort the target by chance
MIN_DISTINCT = 20  # values of a column that a number is to follow from
COPIED_SHARE = 0.05
CHANCE_FREE = 1.5  # power of the rows that combinations of values must reach: copies are rare then
MAX_CELLS = 20_000_000  # of which rows are compared; it takes a second or two

_MIX = np.uint64(0x9E3779B97F4A7C15)


def suspicions(dataset: Dataset, exchangeable: bool) -> Iterator[str]:
    """Says what may flatter every score, in sentences for people.

    Args:
        dataset: The data.
        exchangeable: Whether rows are divided by chance, so that copies may be parted.
    """
    if len(dataset.y) < MIN_ROWS:
        return
    for column in dataset.table.used:
        if _gives_away(column, dataset):
            yield (
                f"column {column.name!r} gives the target away without an error: if it is not "
                "known when predictions are made, leave it out with data.drop"
            )
    n_copies = _copied_rows(dataset) if exchangeable else 0
    if n_copies > COPIED_SHARE * len(dataset.y):
        yield (
            f"{n_copies} rows are equal to an earlier one in all columns to learn from: where "
            "copies are on both sides of a split, scores flatter; --group keeps together what "
            "belongs together"
        )


def _gives_away(column: Column, dataset: Dataset) -> bool:
    """Whether the target follows from one column, in a way that is no accident."""
    values, y = dataset.table.data[column.key], dataset.y
    if values.null_count or column.kind not in TABULAR_KINDS:
        return False
    codes = _codes(values)
    n_distinct = int(codes.max()) + 1
    if dataset.target.task.is_classification:
        if n_distinct == dataset.target.n_classes:
            return len(np.unique(codes * n_distinct + y)) == n_distinct
        if dataset.target.task is not Task.BINARY or column.kind is not ColumnKind.NUMERIC:
            return False
        numbers = values.to_numpy()
        low, high = (numbers[y == k] for k in (0, 1))
        return bool(low.max() < high.min() or high.max() < low.min())
    if n_distinct < MIN_DISTINCT or column.kind is not ColumnKind.NUMERIC:
        return False
    numbers = values.to_numpy()
    steps = np.diff(y[np.lexsort((y, numbers))])
    backwards = np.diff(y[np.lexsort((-y, numbers))])
    return bool((steps >= 0).all() or (backwards <= 0).all())


def _copied_rows(dataset: Dataset) -> int:
    """Rows equal to an earlier one, where that is no natural thing; 0 where nobody looked.

    It is natural where columns have few values, and so are combinations of them.
    """
    table, n_rows = dataset.table, len(dataset.y)
    if not table.used or n_rows * len(table.used) > MAX_CELLS:
        return 0
    signs = np.zeros(n_rows, dtype=np.uint64)
    combinations = 0.0  # logarithm of their number
    for column in table.used:
        codes = _codes(table.data[column.key])
        combinations += float(np.log(codes.max() + 2))
        signs = (signs ^ codes.astype(np.uint64)) * _MIX
        signs ^= signs >> np.uint64(29)
    if combinations < CHANCE_FREE * np.log(n_rows):
        return 0
    return n_rows - len(np.unique(signs))


def _codes(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """A number for each value, from 0; -1 for a missing one."""
    encoded = values.combine_chunks()
    if pa.types.is_fixed_size_binary(encoded.type) or pa.types.is_large_list(encoded.type):
        whole = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        return np.unique(digests(whole), return_inverse=True)[1].astype(np.int64)
    if not pa.types.is_dictionary(encoded.type):
        encoded = pc.dictionary_encode(encoded)
    codes: NDArray[np.int64] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64)
