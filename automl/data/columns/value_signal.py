"""Measures how well whole numbers explain the target by value (as categories) and by order.

Both are measured out of fold. By value, a row is predicted by the mean target of the known rows
with the same number. By order, it is predicted by the mean over a range of numbers, or over the
neighbouring numbers without its own, as a model of a quantity could do. All means are shrunk
towards the mean of the known rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.table import FloatArray, IntArray

__all__ = ["Explained", "Folding", "compare", "fold_rows", "shown_target"]

N_PARTS = 5
SMOOTHINGS = (2.0, 20.0)
MAX_BINS = 255
"""Default number of bins of boosted trees."""
VALUES_A_BIN = 4
"""Smallest mean number of values in a range; with one value each, ranges would be categories."""
COARSER = (1, 4, 16)
WIDTHS = (1, 4, 16)
"""Numbers of neighbours on each side."""
MAX_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Folding:
    """The parts of a cross-validation, and the parts from which each is predicted.

    Attributes:
        part: Part of each row, ``(n_rows,)``.
        sees: 1 where the rows of one part are predicted from those of another, else 0,
            ``(n_parts, n_parts)``; a part that sees none is not predicted.
    """

    part: IntArray
    sees: FloatArray


@dataclass(frozen=True, slots=True)
class Explained:
    """Shares of the target's variance that are explained out of fold, and their significance.

    Attributes:
        by_value: Share explained by the means of single values; negative if worse than one mean.
        by_order: Share explained by ranges or neighbours, whichever is better.
        error_rows: Gain of value over order, in standard errors over rows.
        error_values: The same over distinct values: low if few values make the gain.
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
    """Splits rows like a split plan: by given folds, forward in time, by groups, or at random.

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


def shown_target(y: NDArray[Any], is_classification: bool) -> FloatArray:
    """Converts the target to columns that can be averaged, ``(n_rows, n_outputs)``.

    Numbers become ranks, so that a few large ones do not dominate; classes become one column of 0
    and 1 each, for at most the ``MAX_CLASSES`` most frequent.
    """
    if is_classification:
        counts = np.bincount(y)
        classes = np.argsort(-counts, kind="stable")[: 1 if len(counts) == 2 else MAX_CLASSES]
        return np.asarray(y[:, None] == classes, dtype=np.float64)
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(counts) - counts / 2)[place] / len(y)
    return ranks[:, None]


def compare(numbers: FloatArray, target: FloatArray, folding: Folding, enough: float) -> Explained:
    """Compares how well a column of numbers explains the target by value and by order.

    Args:
        numbers: Values, none missing, ``(n_rows,)``.
        target: The result of ``shown_target``, ``(n_rows, n_outputs)``.
        folding: The cross-validation.
        enough: Share explained by value below which the order is not evaluated.
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
    values: _Sums, codes: IntArray, counts: IntArray, target: FloatArray, folding: Folding
) -> list[FloatArray]:
    """Errors of each row, predicted by ranges of about equal numbers of rows, and by neighbours."""
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
    """Sums of the target over the rows known to each part, by code.

    Attributes:
        codes: Code of each row, ``(n_rows,)``.
        target: The result of ``shown_target``, ``(n_rows, n_outputs)``.
        folding: The cross-validation.
        n_rows: Number of known rows, ``(n_parts, n_codes)``.
        sums: For each output, its sum over known rows, ``(n_parts, n_codes)``.
        means: For each output, its mean over all known rows, ``(n_parts,)``.
    """

    codes: IntArray
    target: FloatArray
    folding: Folding
    n_rows: FloatArray
    sums: tuple[FloatArray, ...]
    means: tuple[FloatArray, ...]

    def of_neighbours(self, width: int) -> _Sums:
        """The sums over ``width`` neighbouring codes on each side, without the code itself."""
        sums = tuple(_around(sums, width) for sums in self.sums)
        return replace(self, n_rows=_around(self.n_rows, width), sums=sums)

    def error(self, smoothing: float) -> FloatArray:
        """Squared error of each row, summed over outputs, ``(n_rows,)``; 0 where not scored."""
        cells = self.folding.part, self.codes
        weight = self.n_rows + smoothing
        known = zip(self.sums, self.means, strict=True)
        return self._error([((s + smoothing * m[:, None]) / weight)[cells] for s, m in known])

    def error_of_one_mean(self) -> FloatArray:
        """Squared error of each row, predicted by the mean of all known rows, ``(n_rows,)``."""
        return self._error([mean[self.folding.part] for mean in self.means])

    def _error(self, predicted: Sequence[FloatArray]) -> FloatArray:
        pairs = zip(self.target.T, predicted, strict=True)
        error = np.sum([(column - means) ** 2 for column, means in pairs], axis=0)
        is_scored = (self.folding.sees.sum(axis=1) > 0)[self.folding.part]
        return np.where(is_scored, error, 0.0)


def _sums(codes: IntArray, n_codes: int, target: FloatArray, folding: Folding) -> _Sums:
    """Adds up the known rows by code; codes are below ``n_codes``."""
    n_parts = len(folding.sees)
    cells = folding.part * n_codes + codes

    def known(weights: FloatArray | None) -> FloatArray:
        sums = np.bincount(cells, weights, minlength=n_parts * n_codes)
        return folding.sees @ sums.reshape(n_parts, n_codes)

    n_rows = known(None)
    sums = tuple(known(column) for column in target.T)
    n_known = np.maximum(n_rows.sum(axis=1), 1)
    return _Sums(codes, target, folding, n_rows, sums, tuple(s.sum(axis=1) / n_known for s in sums))


def _around(sums: FloatArray, width: int) -> FloatArray:
    """Sums over the ``width`` columns on each side, ``(n_parts, n_codes)``."""
    n_codes = sums.shape[1]
    until = np.pad(np.cumsum(sums, axis=1), ((0, 0), (1, 0)))
    at = np.arange(n_codes)
    window = until[:, np.minimum(at + width + 1, n_codes)] - until[:, np.maximum(at - width, 0)]
    return window - sums


def _ratio(gain: float, error: float) -> float:
    return float(gain / error) if error > 0 else 0.0
