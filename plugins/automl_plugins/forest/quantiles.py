"""Quantiles from a forest: each leaf gives the value of one training row that fell into it.

The values that the trees give to a row are a sample of its conditional distribution, whose
quantiles are those of Meinshausen, "Quantile Regression Forests" (2006), up to the sampling, as in
the R package ranger. A tree stays as small as that of a mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_plugins.common.fitting import quantiles_of

__all__ = ["UnbaggedQuantiles", "draw_leaves"]

CHUNK_ROWS = 20_000


def draw_leaves(
    tree: Any,
    X: NDArray[np.float32],
    y: NDArray[np.float64],
    weight: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Puts into each leaf the value of a row that fell into it, drawn in proportion to its weight.

    Args:
        tree: scikit-learn's ``Tree``, whose values are changed in place.
        X: Training rows ``(n_rows, n_features)``.
        y: Their values ``(n_rows,)``.
        weight: Their weights in this tree; 0 for rows it has not seen.
        rng: Draws.
    """
    seen = np.flatnonzero(weight > 0)
    leaves = tree.apply(X[seen])
    # The least of exponential times at these rates is a row drawn by weight.
    times = rng.exponential(size=len(seen)) / weight[seen]
    order = np.lexsort((times, leaves))
    leaf, first = np.unique(leaves[order], return_index=True)
    tree.value[leaf, 0, 0] = y[seen[order[first]]]


class UnbaggedQuantiles:
    """Collects what trees give to rows they have not seen.

    Args:
        n_rows: Training rows.
        n_trees: The most trees.
        levels: Quantiles that are asked for.
    """

    def __init__(self, n_rows: int, n_trees: int, levels: tuple[float, ...]) -> None:
        self._values = np.full((n_rows, n_trees), np.nan, dtype=np.float32)
        self._levels, self._n_seen = levels, 0

    def add(self, unseen: NDArray[np.bool_], outputs: NDArray[np.float64]) -> None:
        """Takes the values ``(n_unseen, 1)`` of the next tree."""
        self._values[unseen, self._n_seen] = outputs[:, 0]
        self._n_seen += 1

    def result(self) -> NDArray[np.float64]:
        """Quantiles ``(n_rows, n_levels)``; NaN for a row that every tree has seen."""
        found = np.full((len(self._values), len(self._levels)), np.nan)
        for start in range(0, len(found), CHUNK_ROWS):
            values = self._values[start : start + CHUNK_ROWS, : self._n_seen]
            known = np.isfinite(values)
            some = known.any(axis=1)
            rows = start + np.flatnonzero(some)
            found[rows] = quantiles_of(values[some], known[some].astype(np.float32), self._levels)
        return found
