"""What single columns leave unexplained of the target, and how much of it new columns explain.

Trees on the single columns find what adds up over them. So a new column is worth its price where
it explains something of the rest: the residual of an additive model of the binned columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.target import SMOOTHING, InnerTarget, smoothed_means
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
TAILS = 0.01, 0.99
"""Quantiles of the target that values beyond are drawn in to."""
MAX_CORRELATION = 0.97
"""Rank correlation above which two new columns count as one."""
LEAST_SHARE = 0.004
"""Share of the rest of the target that is worth a column."""
NOISE_FACTOR = 3.0
"""How many times what chance does on average a candidate must do."""


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
    values, weight = target.values[rows], target.weight[rows]
    is_class = bool(np.isin(values, (0.0, 1.0)).all())
    if not is_class:  # a few values far away would decide alone what is worth a column
        values = np.clip(values, *np.quantile(values, TAILS, axis=0))
    mean = np.average(values, axis=0, weights=weight)
    rest = np.empty(values.shape)
    for output in range(values.shape[1]):
        added = _added_classes if is_class and 0 < mean[output] < 1 else _added_values
        rest[:, output] = values[:, output] - added(values[:, output], weight, columns)
    rest -= np.average(rest, axis=0, weights=weight)
    return Remainder(rows, values - mean, rest, weight, target.part[rows])


def _added_values(
    values: NDArray[np.float64], weight: NDArray[np.float64], columns: Sequence[IntArray]
) -> NDArray[np.float64]:
    """What adds up over the columns, ``(n_sample,)``, by boosting one column after the other."""
    guess = np.full(len(values), np.average(values, weights=weight))
    totals = [np.bincount(codes, weights=weight) + SMOOTHING for codes in columns]
    for _ in range(N_PASSES):
        for codes, total in zip(columns, totals, strict=True):
            guess += STEP * (np.bincount(codes, weights=weight * (values - guess)) / total)[codes]
    return guess


def _added_classes(
    values: NDArray[np.float64], weight: NDArray[np.float64], columns: Sequence[IntArray]
) -> NDArray[np.float64]:
    """The same for 0 and 1: log-odds add up (Newton steps, Friedman 2001, algorithm 5)."""
    mean = np.average(values, weights=weight)
    log_odds = np.full(len(values), np.log(mean / (1 - mean)))
    for _ in range(N_PASSES):
        for codes in columns:
            guess = _probability(log_odds)
            slope = np.bincount(codes, weights=weight * guess * (1 - guess))
            step = np.bincount(codes, weights=weight * (values - guess)) / (slope + SMOOTHING / 4)
            log_odds += STEP * step[codes]
    return _probability(log_odds)


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    probability: NDArray[np.float64] = 1 / (1 + np.exp(-log_odds))
    return probability


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
    """Share of the variance that lies between bins of each candidate; 0 where it is not worth it.

    It is not where the share is below ``LEAST_SHARE``, or chance may have done it.

    By chance the squared sum of a bin is the sum of its squares, on average, however unequally
    they lie in the bins (White 1980). The ratio must be ``NOISE_FACTOR`` on average of the bins.

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

    def by_bin(of_rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(of_rows[order], starts, axis=0)

    weighted = weight[:, None] * rest
    squares = by_bin((weighted**2).sum(axis=1)).clip(np.finfo(np.float64).tiny)
    of_sums = sum(by_bin(column) ** 2 for column in weighted.T)
    shares = (of_sums / by_bin(weight).clip(np.finfo(np.float64).tiny)).sum(axis=0) / total
    is_more = (of_sums / squares).mean(axis=0) > NOISE_FACTOR
    return np.where(is_more & (shares > LEAST_SHARE), shares, 0.0)


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


def _variance(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Sum of weighted squares of values whose mean is 0."""
    return float((weight[:, None] * values**2).sum())
