"""How much of the target a whole number explains by its values, and by their order.

Both are measured out of fold. By value, a row is predicted by the mean of the target over the known
rows that have the same number: each number is a name. By order, it is predicted by the mean over a
range of numbers, or over the neighbouring numbers alone: what a model can do that knows a quantity.
All means are pulled towards the mean of the known rows, as by some further rows of that mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.table import IntArray

__all__ = ["Explained", "Folding", "compare", "fold_rows", "shown_target"]

N_PARTS = 5
SMOOTHINGS = (2.0, 20.0)
MAX_BINS = 255
"""Bins of a number that boosted trees distinguish by default."""
VALUES_A_BIN = 4
"""A range holds at least so many values on average: with one value each it would be a name."""
COARSER = (1, 4, 16)
WIDTHS = (1, 4, 16)
"""Neighbours on each side."""
MAX_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Folding:
    """Which rows are predicted from which.

    Attributes:
        part: Part of each row, ``(n_rows,)``.
        sees: Whether the rows of a part are predicted from those of another, ``(n_parts, n_parts)``
            of 0 and 1; a part that sees none is not predicted.
    """

    part: IntArray
    sees: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Explained:
    """Shares of the variance of the target that are explained out of fold, and how sure that is.

    Attributes:
        by_value: By the means of single values; below 0 where they are worse than one mean.
        by_order: By ranges or neighbours, whichever is better.
        error_rows: Gain by value over that by order in its standard errors, rows being the units.
        error_values: The same with the distinct values as units: it is low where few of many values
            make the gain.
    """

    by_value: float
    by_order: float = 0.0
    error_rows: float = 0.0
    error_values: float = 0.0


def fold_rows(
    n_rows: int,
    *,
    group: IntArray | None = None,
    time: IntArray | None = None,
    fold: IntArray | None = None,
) -> Folding:
    """Divides rows as a split plan does: by given folds, forward in time, by groups, or at random.

    Args:
        n_rows: Number of rows.
        group: Group of each row, never on both sides.
        time: Rank of each row in time: a part is predicted from earlier ones.
        fold: Given fold of each row; -1 for rows that are never predicted.
    """
    rng = np.random.default_rng(0)
    sees = 1.0 - np.eye(N_PARTS)
    if fold is not None:
        part = np.where(fold < 0, N_PARTS, fold % N_PARTS)
        sees = np.pad(sees, ((0, 1), (0, 1)))
        sees[:N_PARTS, N_PARTS] = 1.0
    elif time is not None:
        cuts = np.quantile(time, np.linspace(0, 1, N_PARTS + 1)[1:-1])
        part, sees = np.searchsorted(cuts, time, side="left"), np.tri(N_PARTS, k=-1)
    elif group is not None:
        part = (rng.permutation(int(group.max()) + 1) % N_PARTS)[group]
    else:
        part = rng.permutation(n_rows) % N_PARTS
    return Folding(part.astype(np.int64), sees)


def shown_target(y: NDArray[Any], is_classification: bool) -> NDArray[np.float64]:
    """The target as columns of which means are taken, ``(n_rows, n_outputs)``.

    Numbers by their ranks, so that a few large ones do not decide; of classes a column of 0 and 1
    each, of more than ``MAX_CLASSES`` the most frequent.
    """
    if is_classification:
        counts = np.bincount(y)
        classes = np.argsort(-counts, kind="stable")[: 1 if len(counts) == 2 else MAX_CLASSES]
        return np.asarray(y[:, None] == classes, dtype=np.float64)
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - counts / 2)[place] / len(y)
    return ranks[:, None]


def compare(
    numbers: NDArray[np.float64],
    target: NDArray[np.float64],
    folding: Folding,
    enough: float,
) -> Explained:
    """Compares what a column of numbers explains by its values and by their order.

    Args:
        numbers: Values without missing ones, ``(n_rows,)``.
        target: As of ``shown_target``, ``(n_rows, n_outputs)``.
        folding: Which rows are predicted from which.
        enough: Where less is explained by value, the order is not looked at.
    """
    _, codes, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    values = _sums(codes, len(counts), target, folding)
    total = values.error_of_one_mean()
    if not total.sum() > 0:
        return Explained(0.0)
    by_value = min((values.error(s) for s in SMOOTHINGS), key=np.sum)
    explained = 1 - by_value.sum() / total.sum()
    if explained < enough:
        return Explained(float(explained))
    by_order = min(_ordered(values, codes, counts, target, folding), key=np.sum)
    gain = by_order - by_value
    sums = np.bincount(codes, weights=gain)
    return Explained(
        by_value=float(explained),
        by_order=float(1 - by_order.sum() / total.sum()),
        error_rows=_ratio(gain.sum(), float(np.sqrt(len(gain))) * gain.std()),
        error_values=_ratio(gain.sum(), np.sqrt((sums**2).sum())),
    )


def _ordered(
    values: _Sums,
    codes: IntArray,
    counts: IntArray,
    target: NDArray[np.float64],
    folding: Folding,
) -> list[NDArray[np.float64]]:
    """Errors of each row by ranges of about equal numbers of rows, and by neighbours."""
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    most = max(2, min(MAX_BINS, len(counts) // VALUES_A_BIN))
    errors = []
    for n_bins in sorted({max(2, most // coarser) for coarser in COARSER}):
        ranges = _sums((middle * n_bins).astype(np.int64)[codes], n_bins, target, folding)
        errors += [ranges.error(s) for s in SMOOTHINGS]
    for width in WIDTHS:
        neighbours = values.of_neighbours(width)
        errors += [neighbours.error(s) for s in SMOOTHINGS]
    return errors


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of the target over known rows, by code and by the part that sees them.

    Attributes:
        codes: Code of each row, ``(n_rows,)``.
        target: As of ``shown_target``, ``(n_rows, n_outputs)``.
        folding: Which rows are predicted from which.
        n_rows: Known rows, ``(n_parts, n_codes)``.
        sums: Their sum of each output, ``(n_parts, n_codes)``.
        means: Mean of each output over all known rows, ``(n_parts,)``.
    """

    codes: IntArray
    target: NDArray[np.float64]
    folding: Folding
    n_rows: NDArray[np.float64]
    sums: tuple[NDArray[np.float64], ...]
    means: tuple[NDArray[np.float64], ...]

    def of_neighbours(self, width: int) -> _Sums:
        """The sums over so many neighbouring codes on each side, without the code itself."""
        sums = tuple(_around(sums, width) for sums in self.sums)
        return replace(self, n_rows=_around(self.n_rows, width), sums=sums)

    def error(self, smoothing: float) -> NDArray[np.float64]:
        """Squared error of each row, all outputs together, ``(n_rows,)``; 0 where not scored."""
        cells = self.folding.part, self.codes
        weight = self.n_rows + smoothing
        known = zip(self.sums, self.means, strict=True)
        return self._error([((s + smoothing * m[:, None]) / weight)[cells] for s, m in known])

    def error_of_one_mean(self) -> NDArray[np.float64]:
        """Squared error of each row, predicted by the mean of all known rows, ``(n_rows,)``."""
        return self._error([mean[self.folding.part] for mean in self.means])

    def _error(self, predicted: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        pairs = zip(self.target.T, predicted, strict=True)
        error = np.sum([(column - means) ** 2 for column, means in pairs], axis=0)
        is_scored = (self.folding.sees.sum(axis=1) > 0)[self.folding.part]
        return np.where(is_scored, error, 0.0)


def _sums(codes: IntArray, n_codes: int, target: NDArray[np.float64], folding: Folding) -> _Sums:
    """Adds up the known rows by code; codes are below ``n_codes``."""
    n_parts = len(folding.sees)
    cells = folding.part * n_codes + codes

    def known(weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        sums = np.bincount(cells, weights, minlength=n_parts * n_codes)
        seen: NDArray[np.float64] = folding.sees @ sums.reshape(n_parts, n_codes)
        return seen

    n_rows = known(None)
    sums = tuple(known(column) for column in target.T)
    n_known = np.maximum(n_rows.sum(axis=1), 1)
    return _Sums(codes, target, folding, n_rows, sums, tuple(s.sum(axis=1) / n_known for s in sums))


def _around(sums: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Sums over the ``width`` columns on each side, ``(n_parts, n_codes)``."""
    n_codes = sums.shape[1]
    until = np.pad(np.cumsum(sums, axis=1), ((0, 0), (1, 0)))
    at = np.arange(n_codes)
    window = until[:, np.minimum(at + width + 1, n_codes)] - until[:, np.maximum(at - width, 0)]
    around: NDArray[np.float64] = window - sums
    return around


def _ratio(gain: float, error: float) -> float:
    return float(gain / error) if error > 0 else 0.0
