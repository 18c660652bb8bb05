"""Sizes of batches and packs of nets for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["MOST_VALUES", "batch_size_of"]

MOST_VALUES: Mapping[str, int] = {"cpu": 2**19, "cuda": 2**26}
"""Hidden values of one layer for a batch of all members of a pack, for each core or the GPU. A
step should fit into the cache of a CPU, or into the memory of a GPU."""


def batch_size_of(n_rows: int, sizes: Sequence[tuple[int, int]], most: int = 1024) -> int:
    """Batch size, larger for more rows: steps cost the same, epochs do not.

    Args:
        n_rows: Training rows.
        sizes: Pairs of a largest number of rows and a batch size, ascending.
        most: Batch size above the last of them.
    """
    return next((size for limit, size in sizes if n_rows <= limit), most)
