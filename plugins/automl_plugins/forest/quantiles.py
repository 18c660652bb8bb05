"""Predicts quantiles with a forest whose leaves have the value of one of their training rows.

The trees' values for a row are a sample of its conditional distribution, whose quantiles are those
of Meinshausen, "Quantile Regression Forests" (2006), up to sampling, as in the R package ranger.
Trees stay as small as those of a mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_plugins.common.fitting import weighted_quantiles

__all__ = ["OutOfBagQuantiles", "draw_leaves"]

CHUNK_ROWS = 20_000


def draw_leaves(
    tree: Any,
    X: NDArray[np.float32],
    y: NDArray[np.float64],
    weight: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Sets each leaf to the value of one of its rows, drawn in proportion to the weights.

    Args:
        tree: scikit-learn's ``Tree``, changed in place.
        X: Training rows ``(n_rows, n_features)``.
        y: Values ``(n_rows,)``.
        weight: Weights of the rows in this tree; 0 for out-of-bag rows.
        rng: Random generator.
    """
    seen = np.flatnonzero(weight > 0)
    leaves = tree.apply(X[seen])
    # The minimum of exponential variables with rates w is at row i with probability w_i / sum(w).
    times = rng.exponential(size=len(seen)) / weight[seen]
    order = np.lexsort((times, leaves))
    leaf, first = np.unique(leaves[order], return_index=True)
    tree.value[leaf, 0, 0] = y[seen[order[first]]]


class OutOfBagQuantiles:
    """Collects the trees' predictions of out-of-bag rows.

    Args:
        n_rows: Training rows.
        n_trees: Largest number of trees.
        levels: Quantile levels.
    """

    def __init__(self, n_rows: int, n_trees: int, levels: tuple[float, ...]) -> None:
        self._values = np.full((n_rows, n_trees), np.nan, dtype=np.float32)
        self._levels, self._n_seen = levels, 0

    def add(self, unseen: NDArray[np.bool_], outputs: NDArray[np.float64]) -> None:
        """Adds the values ``(n_unseen, 1)`` of a tree."""
        self._values[unseen, self._n_seen] = outputs[:, 0]
        self._n_seen += 1

    def result(self) -> NDArray[np.float64]:
        """Quantiles ``(n_rows, n_levels)``; NaN for a row in every sample."""
        found = np.full((len(self._values), len(self._levels)), np.nan)
        for start in range(0, len(found), CHUNK_ROWS):
            values = self._values[start : start + CHUNK_ROWS, : self._n_seen]
            known = np.isfinite(values)
            some = known.any(axis=1)
            rows = start + np.flatnonzero(some)
            found[rows] = weighted_quantiles(
                values[some], known[some].astype(np.float32), self._levels
            )
        return found
