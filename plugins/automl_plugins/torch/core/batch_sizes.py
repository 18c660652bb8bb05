"""How many rows a net of tables sees at once, and how many nets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["MOST_VALUES", "batch_size_of"]

MOST_VALUES: Mapping[str, int] = {"cpu": 2**19, "cuda": 2**26}
"""Hidden values of one layer for a batch of all members of a pack, for each core or the GPU. On a
CPU, what a step touches should stay in the cache; on a GPU, in the memory."""


def batch_size_of(n_rows: int, sizes: Sequence[tuple[int, int]], most: int = 1024) -> int:
    """Larger for more rows: steps cost the same, epochs do not.

    Args:
        n_rows: Rows to learn from.
        sizes: Up to how many rows which size, ascending.
        most: For more rows than those.
    """
    return next((size for limit, size in sizes if n_rows <= limit), most)
