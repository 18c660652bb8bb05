"""What single columns leave unexplained of the target, and how much of it new columns explain.

Trees on the single columns find what adds up over them. So a new column is worth its price where
it explains something of the rest: the residual of an additive model of the binned columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.columns.target import SMOOTHING, InnerTarget, smoothed_means
from automl.data.table import IntArray

__all__ = [
    "Remainder",
    "bins_of",
    "explained",
    "explained_by_groups",
    "fit_remainder",
    "sample_rows",
    "without_doubles",
]

MAX_SAMPLE = 5_000
"""Rows that candidates are judged on."""
MAX_BINS, MIN_BINS, ROWS_OF_BIN = 16, 4, 64
"""Bins of a column by the number of rows: fewer bins explain less by chance."""
N_PASSES, STEP = 10, 0.3
MAX_CORRELATION = 0.97
"""Rank correlation above which two new columns count as one."""
NOISE_FACTOR = 3.0
"""How many times what chance explains on average a candidate must explain."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """The residual of the target on a sample of training rows.

    Attributes:
        rows: Positions of the sample among the training rows, ``(n_sample,)``.
        target: The target itself, mean 0, ``(n_sample, n_outputs)``.
        rest: Its residual, mean 0, ``(n_sample, n_outputs)``.
        weight: Weight of each row.
        part: Inner fold of each row.
    """

    rows: IntArray
    target: NDArray[np.float64]
    rest: NDArray[np.float64]
    weight: NDArray[np.float64]
    part: IntArray

    @property
    def least_share(self) -> float:
        """The share that a candidate must explain, well above what chance does."""
        n_effective = self.weight.sum() ** 2 / (self.weight**2).sum()
        return float(NOISE_FACTOR * (_n_bins(len(self.rows)) - 1) / n_effective)


def sample_rows(weight: NDArray[np.float64], seed: int) -> IntArray:
    """Positions of the rows to judge on: at most ``MAX_SAMPLE`` that weigh, in random order.

    The order of the table may tell the target, and equal values keep the order that they are in.
    """
    return np.random.default_rng(seed).permutation(np.flatnonzero(weight))[:MAX_SAMPLE]


def fit_remainder(rows: IntArray, columns: Sequence[IntArray], target: InnerTarget) -> Remainder:
    """Takes from the target what adds up over the columns.

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
    return Remainder(rows, values, _centred(rest, weight), weight, target.part[rows])


def bins_of(values: NDArray[np.float64]) -> IntArray:
    """Codes of bins of about as many rows each, or distinct values; one more where missing.

    Bins by rows alone would put all that is not frequent of a column that is mostly 0 into one.
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


def explained(
    values: NDArray[np.float64], rest: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of the variance that lies between bins of each candidate.

    Args:
        values: Candidates, ``(n_sample, n_candidates)``; missing values come into the last bins.
        rest: What is to be explained, mean 0, ``(n_sample, n_outputs)``.
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


def explained_by_groups(codes: IntArray, remainder: Remainder) -> float:
    """Share of the variance of the rest that groups of rows explain out of fold; may be negative.

    Args:
        codes: Group of each row of the sample, ``(n_sample,)``.
        remainder: What is to be explained.
    """
    rest, weight = remainder.rest, remainder.weight
    total = _variance(rest, weight)
    if total <= 0:
        return 0.0
    inner = InnerTarget(rest, weight, remainder.part)
    _, guess = smoothed_means(codes, int(codes.max()) + 1, inner)
    return 1.0 - _variance(rest - guess, weight) / total


def without_doubles(values: NDArray[np.float64], limit: int) -> list[int]:
    """Positions of candidates, best first, that are not ordered like one before.

    Args:
        values: Candidates, the best first, ``(n_sample, n_candidates)``.
        limit: The most positions.
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


def _centred(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = values - np.average(values, axis=0, weights=weight)
    return centred


def _variance(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Sum of weighted squares of values whose mean is 0."""
    return float((weight[:, None] * values**2).sum())
