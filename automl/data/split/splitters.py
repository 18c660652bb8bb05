"""Splitters: pure functions that assign rows to parts by strata, groups or time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.table import BoolArray, FloatArray, IntArray

__all__ = [
    "group_holdout",
    "group_labels",
    "move_time_cuts",
    "strata_of",
    "stratified_holdout",
    "stratified_labels",
]

N_BINS = 10
"""Quantile bins of a numeric target, used as strata."""


def strata_of(y: NDArray[Any], is_classification: bool, n_parts: int) -> IntArray:
    """Strata for a stratified split: classes, or quantile bins of the values.

    Args:
        y: Class indices or values, ``(n_rows,)``.
        is_classification: Whether ``y`` holds class indices.
        n_parts: Number of parts; a bin holds at least this number of rows.

    Returns:
        Stratum of each row, ``(n_rows,)``.
    """
    if is_classification:
        return y.astype(np.int64)
    n_bins = max(1, min(N_BINS, len(y) // max(n_parts, 1)))
    edges = np.quantile(y, np.linspace(0, 1, n_bins + 1)[1:-1])
    return np.searchsorted(edges, y, side="right").astype(np.int64)


def stratified_labels(strata: IntArray, n_parts: int, rng: np.random.Generator) -> IntArray:
    """Deals the rows of each stratum to the parts in turn.

    Part sizes differ by at most one row. A stratum of two or more rows is spread over two or more
    parts, so no part holds all of it.

    Returns:
        Part of each row, 0 to ``n_parts - 1``, ``(n_rows,)``.
    """
    order = np.lexsort((rng.random(len(strata)), strata))
    labels = np.empty(len(strata), dtype=np.int64)
    labels[order] = np.arange(len(strata)) % n_parts
    return labels


def group_labels(
    strata: IntArray, group: IntArray, n_parts: int, rng: np.random.Generator
) -> IntArray:
    """Assigns whole groups greedily, largest first (like StratifiedGroupKFold).

    Each group goes to the part where it adds least to the sum of squared shares of each stratum
    and of all rows. An empty part adds nothing, so no part stays empty if there are enough groups.

    Args:
        strata: Stratum of each row, ``(n_rows,)``.
        group: Group of each row, any integers, ``(n_rows,)``.
        n_parts: Number of parts, at most the number of groups.
        rng: Breaks ties between groups of one size.

    Returns:
        Part of each row, ``(n_rows,)``.
    """
    _, group = np.unique(group, return_inverse=True)
    n_strata = int(strata.max()) + 1
    totals = np.maximum(np.bincount(strata, minlength=n_strata), 1).astype(np.float64)
    cells, cell_rows = np.unique(group * n_strata + strata, return_counts=True)
    cell_stratum = cells % n_strata
    starts = np.searchsorted(cells // n_strata, np.arange(group.max() + 2))
    cell_weight = cell_rows / totals[cell_stratum] ** 2
    sizes = np.bincount(group)
    held = np.zeros((n_parts, n_strata))
    held_rows = np.zeros(n_parts)
    label_of = np.empty(len(sizes), dtype=np.int64)
    for g in np.lexsort((rng.random(len(sizes)), -sizes)):
        mine = slice(starts[g], starts[g + 1])
        stratum = cell_stratum[mine]
        # The row term alone decides between parts that hold none of the group's strata.
        cost = held[:, stratum] @ cell_weight[mine] + held_rows * sizes[g] / len(group) ** 2
        best = int(cost.argmin())
        label_of[g] = best
        held[best, stratum] += cell_rows[mine]
        held_rows[best] += sizes[g]
    return label_of[group]


def stratified_holdout(strata: IntArray, n_valid: int, rng: np.random.Generator) -> BoolArray:
    """Chooses rows to hold out, the same share of each stratum.

    At least one row of each stratum is left for training, unless the holdout would be empty.

    Returns:
        True for a held-out row, ``(n_rows,)``; ``n_valid`` or a few fewer.
    """
    n_rows = len(strata)
    order = np.lexsort((rng.random(n_rows), strata))
    steps = (np.arange(n_rows + 1) * n_valid + int(rng.integers(n_rows))) // n_rows
    valid = np.zeros(n_rows, dtype=np.bool_)
    valid[order] = np.diff(steps) > 0
    counts = np.bincount(strata)
    left = np.bincount(strata[~valid], minlength=len(counts))
    for stratum in np.flatnonzero((counts > 0) & (left == 0)):
        if valid.sum() > 1:
            valid[np.flatnonzero(strata == stratum)[0]] = False
    return valid


def group_holdout(group: IntArray, n_valid: int, rng: np.random.Generator) -> BoolArray:
    """Chooses whole groups to hold out, with about ``n_valid`` rows in total.

    Args:
        group: Group of each row; at least two groups.
        n_valid: Number of rows to hold out.
        rng: Chooses the groups.

    Returns:
        True for a held-out row, ``(n_rows,)``; each side has at least one group.
    """
    _, group = np.unique(group, return_inverse=True)
    sizes = np.bincount(group)
    order = rng.permutation(len(sizes))
    held = sizes[order].cumsum()
    n_groups = int(np.abs(held[:-1] - n_valid).argmin()) + 1
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    chosen[order[:n_groups]] = True
    return chosen[group]


def move_time_cuts(time: IntArray, positions: FloatArray) -> IntArray:
    """Moves cuts in time-ordered rows to the nearest changes of time.

    Args:
        time: Rank of each row in time, ``(n_rows,)``; rows of equal time stay together.
        positions: Wanted cuts, as numbers of rows before them, ascending.

    Returns:
        The first time after each cut, ascending and distinct, ``(n_cuts,)``.

    Raises:
        ValueError: There are fewer changes of time than cuts.
    """
    times, counts = np.unique(time, return_counts=True)
    before = counts.cumsum()[:-1]  # rows before each change of time
    if len(before) < len(positions):
        raise ValueError(f"{len(times)} distinct times do not allow {len(positions)} cuts")
    cuts: list[int] = []
    for i, position in enumerate(positions):
        low = cuts[-1] + 1 if cuts else 0
        high = len(before) - (len(positions) - i)  # keeps a change of time for each later cut
        nearest = int(np.abs(before[low : high + 1] - position).argmin()) + low
        cuts.append(nearest)
    return times[1:][np.array(cuts, dtype=np.int64)]
