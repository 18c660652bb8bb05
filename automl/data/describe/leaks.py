"""Warns of data that makes scores too optimistic: leaking columns and duplicate rows.

They are reported, not left out: they may be legitimate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from automl.data.describe.leak_columns import MIN_ROWS, codes_of, giveaways
from automl.data.table import Dataset
from automl.surface import named

__all__ = ["leak_warnings"]

COPIED_SHARE = 0.05
CHANCE_FREE = 1.5  # duplicates by chance are rare if there are n_rows**1.5 combinations of values
MAX_CELLS = 20_000_000  # largest table whose rows are compared; takes a second or two

_MIX = np.uint64(0x9E3779B97F4A7C15)


def leak_warnings(dataset: Dataset, exchangeable: bool) -> Iterator[str]:
    """Yields one sentence for each reason why scores may be too optimistic.

    Args:
        dataset: The data.
        exchangeable: Whether rows are split at random, so that copies may be separated.
    """
    if len(dataset.y) < MIN_ROWS:
        return
    yield from giveaways(dataset.table, dataset.target, dataset.y)
    n_copies = _copied_rows(dataset) if exchangeable else 0
    if n_copies > COPIED_SHARE * len(dataset.y):
        yield (
            f"{n_copies:,} rows equal an earlier one in all feature columns: scores will be too "
            "optimistic if copies fall on both sides of a split; use "
            f"{named('group', 'COLUMN')} to keep them together"
        )


def _copied_rows(dataset: Dataset) -> int:
    """Number of rows equal to an earlier one; 0 if the table is too large to check.

    It is 0 as well if there are few combinations of values, so that duplicates arise by chance.
    """
    table, n_rows = dataset.table, len(dataset.y)
    if not table.used or n_rows * len(table.used) > MAX_CELLS:
        return 0
    signs = np.zeros(n_rows, dtype=np.uint64)
    combinations = 0.0  # logarithm of their number
    for column in table.used:
        codes = codes_of(table.data[column.key])
        combinations += float(np.log(codes.max() + 2))
        signs = (signs ^ codes.astype(np.uint64)) * _MIX
        signs ^= signs >> np.uint64(29)
    if combinations < CHANCE_FREE * np.log(n_rows):
        return 0
    return n_rows - len(np.unique(signs))
