"""The residual of the target after an additive model of single columns, and its explained share.

Trees on single columns learn additive effects by themselves, so a new column is worth its cost
only if it explains some of this residual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from automl.data.encode.columns.target import SMOOTHING, InnerFoldTarget, smoothed_means
from automl.data.table import FloatArray, IntArray

__all__ = [
    "TargetResidual",
    "bins_of",
    "drop_correlated",
    "explained_by_groups",
    "explained_share",
    "fit_remainder",
    "most_telling",
    "sample_rows",
]

MAX_SAMPLE = 5_000
"""Largest number of rows on which candidates are judged."""
MAX_BINS, MIN_BINS, ROWS_OF_BIN = 16, 4, 64
"""Bins of a column by the number of rows: fewer bins explain less by chance."""
N_PASSES, STEP = 10, 0.3
MAX_CORRELATION = 0.97
"""Rank correlation above which two new columns count as duplicates."""
NOISE_FACTOR = 3.0
"""Share that a candidate must explain, in multiples of the mean share explained by chance."""


@dataclass(frozen=True, slots=True)
class TargetResidual:
    """The residual of the target on a sample of training rows.

    Attributes:
        rows: Positions of the sample among the training rows, ``(n_sample,)``.
        target: The target itself, mean 0, ``(n_sample, n_outputs)``.
        residual: Its residual, mean 0, ``(n_sample, n_outputs)``.
        weight: Weight of each row.
        part: Inner fold of each row.
    """

    rows: IntArray
    target: FloatArray
    residual: FloatArray
    weight: FloatArray
    part: IntArray

    @property
    def least_share(self) -> float:
        """Share that a candidate must explain: ``NOISE_FACTOR`` times the mean by chance."""
        n_effective = self.weight.sum() ** 2 / (self.weight**2).sum()
        return float(NOISE_FACTOR * (_n_bins(len(self.rows)) - 1) / n_effective)


def sample_rows(weight: FloatArray, seed: int) -> IntArray:
    """Samples at most ``MAX_SAMPLE`` rows of positive weight, in random order.

    The order is random because the order of the table may reveal the target, and stable sorts keep
    the order of equal values.
    """
    return np.random.default_rng(seed).permutation(np.flatnonzero(weight))[:MAX_SAMPLE]


def fit_remainder(
    rows: IntArray, columns: Sequence[IntArray], target: InnerFoldTarget
) -> TargetResidual:
    """Fits an additive model of the columns by boosting, and returns the residual of the target.

    Args:
        rows: Positions of the sample.
        columns: The columns as codes of bins or categories, each ``(n_sample,)``.
        target: The target of all training rows.
    """
    weight = target.weight[rows]
    values = _centred(target.values[rows], weight)
    rest = values.copy()
    totals = [np.bincount(codes, weights=weight) + SMOOTHING for codes in columns]
    for _ in range(N_PASSES):
        for codes, total in zip(columns, totals, strict=True):
            for output in range(rest.shape[1]):
                means = np.bincount(codes, weights=weight * rest[:, output]) / total
                rest[:, output] -= STEP * means[codes]
    return TargetResidual(rows, values, _centred(rest, weight), weight, target.part[rows])


def bins_of(values: FloatArray) -> IntArray:
    """Codes of bins at quantiles of the rows and of the distinct values; one more if missing.

    The distinct values keep the rare values of a zero-inflated column from sharing one bin.
    """
    missing = np.isnan(values)
    known = values[~missing]
    if len(known) == 0:
        return np.zeros(len(values), dtype=np.int64)
    n_bins = _n_bins(len(values))
    at = np.arange(1, n_bins) / n_bins
    edges = np.unique([np.quantile(known, at), np.quantile(np.unique(known), at)])
    codes = np.searchsorted(edges, values, side="right")
    codes[missing] = len(edges) + 1
    return codes


def explained_share(values: FloatArray, rest: FloatArray, weight: FloatArray) -> FloatArray:
    """Share of the variance between the bins of each candidate.

    Args:
        values: Candidates, ``(n_sample, n_candidates)``; missing values fall into the last bins.
        rest: The residual to explain, mean 0, ``(n_sample, n_outputs)``.
        weight: Weight of each row, ``(n_sample,)``.

    Returns:
        ``(n_candidates,)``, each from 0 to 1.
    """
    n_rows = len(rest)
    starts = np.unique(np.linspace(0, n_rows, _n_bins(n_rows) + 1)[:-1].astype(np.int64))
    total = _variance(rest, weight)
    if total <= 0:
        return np.zeros(values.shape[1])
    order = np.argsort(values, axis=0, kind="stable")
    weights = np.add.reduceat(weight[order], starts, axis=0).clip(np.finfo(np.float64).tiny)
    shares = np.zeros(values.shape[1])
    for output in range(rest.shape[1]):
        sums = np.add.reduceat((weight * rest[:, output])[order], starts, axis=0)
        shares += (sums**2 / weights).sum(axis=0)
    return shares / total


def most_telling(
    columns: Mapping[str, FloatArray], residual: TargetResidual, most: int
) -> list[str]:
    """Selects the columns that explain most of the target on their own, in the order given.

    Args:
        columns: Columns of the sample by key, each ``(n_sample,)``, NaN where missing.
        residual: Residual of the target on the sample.
        most: Largest number of columns.
    """
    keys = list(columns)
    if len(keys) <= most:
        return keys
    block = np.column_stack([columns[key] for key in keys])
    shares = explained_share(block, residual.target, residual.weight)
    chosen = np.argsort(-shares, kind="stable")[:most]
    return [keys[i] for i in np.sort(chosen)]


def explained_by_groups(codes: IntArray, residual: TargetResidual) -> float:
    """Share of the residual's variance that groups explain out of fold; may be negative.

    Args:
        codes: Group of each row of the sample, ``(n_sample,)``.
        residual: The residual to explain.
    """
    rest, weight = residual.residual, residual.weight
    total = _variance(rest, weight)
    if total <= 0:
        return 0.0
    inner = InnerFoldTarget(rest, weight, residual.part)
    _, guess = smoothed_means(codes, int(codes.max()) + 1, inner)
    return 1.0 - _variance(rest - guess, weight) / total


def drop_correlated(values: FloatArray, limit: int) -> list[int]:
    """Positions of candidates, best first, without those rank-correlated with an earlier one.

    Args:
        values: Candidates, best first, ``(n_sample, n_candidates)``.
        limit: Largest number of positions.
    """
    n_rows = len(values)
    ranks = np.empty(values.shape)
    np.put_along_axis(
        ranks, np.argsort(values, axis=0, kind="stable"), np.arange(n_rows, dtype=float)[:, None], 0
    )
    ranks -= ranks.mean(axis=0)
    ranks /= np.sqrt((ranks**2).sum(axis=0)).clip(1e-12)
    likeness = np.abs(ranks.T @ ranks)
    kept: list[int] = []
    for candidate in range(values.shape[1]):
        if len(kept) == limit:
            break
        if not (likeness[candidate, kept] > MAX_CORRELATION).any():
            kept.append(candidate)
    return kept


def _n_bins(n_rows: int) -> int:
    return min(MAX_BINS, max(MIN_BINS, n_rows // ROWS_OF_BIN))


def _centred(values: FloatArray, weight: FloatArray) -> FloatArray:
    return values - np.average(values, axis=0, weights=weight)


def _variance(values: FloatArray, weight: FloatArray) -> float:
    """Weighted sum of squares of values with mean 0."""
    return float((weight[:, None] * values**2).sum())
