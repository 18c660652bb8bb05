"""What makes scores look better than they will be: columns that give the target away, copied rows.

Nothing is left out on such grounds, for it may be right: it is said aloud.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.columns.media import digests
from automl.data.describe.giveaways import MIN_ROWS, giveaways
from automl.data.table import Dataset
from automl.surface import named

__all__ = ["suspicions"]

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
    yield from giveaways(dataset.table, dataset.target, dataset.y)
    n_copies = _copied_rows(dataset) if exchangeable else 0
    if n_copies > COPIED_SHARE * len(dataset.y):
        yield (
            f"{n_copies} rows are equal to an earlier one in all columns to learn from: where "
            "copies are on both sides of a split, scores are too optimistic. "
            f"{named('group', 'COLUMN')} keeps together what belongs together"
        )


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
