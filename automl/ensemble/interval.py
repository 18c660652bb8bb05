"""How far a score may lie from the truth: the bootstrap over rows, or over groups of rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["interval", "standard_error"]

DRAWS = 200
MAX_ROWS = 10_000
WIDTH = 1.96  # standard errors on each side: 95 % of a normal distribution
MIN_UNITS = 10


def standard_error(
    score: Callable[[NDArray[np.int64]], float],
    n_rows: int,
    group: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> float | None:
    """Standard error of a score by the bootstrap (Efron, 1979): rows are drawn with replacement.

    Rows of a group are drawn together, as they are not independent. Of many rows 10,000 are drawn
    at a time, and the error is scaled by the root of their share.

    Args:
        score: Scores the rows of these numbers, which may repeat.
        n_rows: Rows there are.
        group: Group number of each row, ``(n_rows,)``.
        seed: Of the draws.

    Returns:
        The error, or None where there are fewer than 10 rows or groups, or no score is finite.
    """
    units = _Units(np.arange(n_rows) if group is None else group)
    if units.count < MIN_UNITS:
        return None
    n_drawn = max(MIN_UNITS, round(units.count * min(1.0, MAX_ROWS / n_rows)))
    random = np.random.default_rng(seed)
    scores = np.array(
        [score(units.rows(random.integers(units.count, size=n_drawn))) for _ in range(DRAWS)]
    )
    scores = scores[np.isfinite(scores)]
    if len(scores) < 2:
        return None
    return float(scores.std(ddof=1) * np.sqrt(n_drawn / units.count))


def interval(
    score: float, error: float, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[float, float]:
    """The 95 % interval around a score, inside the bounds of its metric."""
    low, high = score - WIDTH * error, score + WIDTH * error
    return max(low, bounds[0]), min(high, bounds[1])


class _Units:
    """What is drawn: groups of rows.

    Args:
        group: Group number of each row, any integers.
    """

    def __init__(self, group: NDArray[np.int64]) -> None:
        sizes = np.unique(group, return_counts=True)[1]
        self.count = len(sizes)
        self._order = np.argsort(group, kind="stable")
        self._sizes = sizes
        self._starts = np.cumsum(sizes) - sizes

    def rows(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the units of these numbers."""
        sizes = self._sizes[units]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows: NDArray[np.int64] = self._order[np.repeat(self._starts[units], sizes) + within]
        return rows
