"""Bins columns: finely for single columns, coarsely for pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Features
from automl_plugins.common.boosting import native_categories

__all__ = ["MISSING", "Bins", "make_bins"]

MISSING = 0
"""Bin of missing values, and of missing, unseen or rare categories."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Maps values to bins. Bins of a column are numbered from 1; 0 is ``MISSING``.

    Attributes:
        cuts: For each column the lower ends (float32, ascending) of its bins from 2 on; empty for
            category codes, which are their own bins.
        coarse: For each column the coarse bin of each of its bins, ``MISSING`` included.
        is_coded: For each column, True if it has category codes.
    """

    cuts: tuple[NDArray[np.float32], ...]
    coarse: tuple[NDArray[np.intp], ...]
    is_coded: tuple[bool, ...]

    def fine(self, X: NDArray[np.float32], column: int) -> NDArray[np.intp]:
        """Bin of each row, ``(n_rows,)``."""
        values = np.ascontiguousarray(X[:, column])
        if self.is_coded[column]:
            return values.astype(np.intp)
        bins = 1 + np.searchsorted(self.cuts[column], values, side="right")
        bins[np.isnan(values)] = MISSING
        return bins

    def n_bins(self, column: int, is_coarse: bool = False) -> int:
        """Number of bins of a column, ``MISSING`` included."""
        return int(self.coarse[column][-1]) + 1 if is_coarse else len(self.coarse[column])


def make_bins(X: NDArray[np.float32], features: Features, max_bins: int, max_coarse: int) -> Bins:
    """Creates bins with about equal numbers of rows.

    Args:
        X: Training rows, ``(n_rows, n_features)``.
        features: The columns; those with more categories than ``max_bins`` are numeric.
        max_bins: Largest number of bins of a column.
        max_coarse: Largest number of coarse bins of a column.
    """
    coded = dict(zip(features.categorical, features.cardinalities, strict=True))
    coded = {column: coded[column] for column in native_categories(features, max_bins)}
    cuts: list[NDArray[np.float32]] = []
    coarse: list[NDArray[np.intp]] = []
    for column in range(X.shape[1]):
        if column in coded:
            cuts.append(np.empty(0, dtype=np.float32))
            # The most frequent categories have the lowest codes; the others share a bin.
            coarse.append(np.minimum(np.arange(coded[column]), max_coarse))
            continue
        values = X[:, column]
        values = np.sort(values[~np.isnan(values)])
        cuts.append(_cuts(values, max_bins))
        coarse.append(_joined(values, cuts[-1], max_coarse))
    is_coded = tuple(column in coded for column in range(X.shape[1]))
    return Bins(tuple(cuts), tuple(coarse), is_coded)


def _cuts(values: NDArray[np.float32], max_bins: int) -> NDArray[np.float32]:
    """Lower ends of bins: half-way between neighbouring values of the sorted ``values``."""
    distinct = np.unique(values)
    low, high = distinct[:-1], distinct[1:]
    half = ((low.astype(np.float64) + high) / 2).astype(np.float32)
    begins = np.where(half > low, half, high)
    if len(distinct) <= max_bins:
        return begins
    places = np.linspace(0, len(values), max_bins + 1)[1:-1].astype(np.intp)
    upper = np.unique(np.searchsorted(distinct, values[places]))
    return begins[upper[upper > 0] - 1]


def _joined(
    values: NDArray[np.float32], cuts: NDArray[np.float32], max_coarse: int
) -> NDArray[np.intp]:
    """Coarse bin of each bin, by joining neighbours until there are few enough."""
    n_bins = len(cuts) + 1
    if n_bins <= max_coarse:
        return np.arange(n_bins + 1)
    ends = np.append(np.searchsorted(values, cuts, side="left"), len(values))
    middles = (ends + np.insert(ends[:-1], 0, 0)) / 2
    groups = (middles * max_coarse / len(values)).astype(np.intp)
    return np.insert(1 + np.unique(groups, return_inverse=True)[1], 0, MISSING)
