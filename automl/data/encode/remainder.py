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
    "least_share",
    "sample_rows",
    "without_doubles",
]

MAX_SAMPLE = 5_000
"""Rows that candidates are judged on."""
N_BINS = 16
N_PASSES, STEP = 10, 0.3
MAX_CORRELATION = 0.97
"""Rank correlation above which two new columns count as one."""
NOISE_FACTOR = 3.0
"""How many times what chance explains on average a candidate must explain."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """The residual of the target on a sample of training rows.

    Attributes:
        rows: Positions of the sample among the training rows, ascending, ``(n_sample,)``.
        target: The target itself, mean 0, ``(n_sample, n_outputs)``.
        rest: Its residual, mean 0, ``(n_sample, n_outputs)``.
        part: Inner fold of each row.
    """

    rows: IntArray
    target: NDArray[np.float64]
    rest: NDArray[np.float64]
    part: IntArray


def sample_rows(n_rows: int, seed: int) -> IntArray:
    """Positions of the rows to judge on, at most ``MAX_SAMPLE``, ascending."""
    if n_rows <= MAX_SAMPLE:
        return np.arange(n_rows)
    chosen = np.random.default_rng(seed).choice(n_rows, MAX_SAMPLE, replace=False)
    return np.sort(chosen)


def fit_remainder(rows: IntArray, columns: Sequence[IntArray], target: InnerTarget) -> Remainder:
    """Takes from the target what adds up over the columns.

    Args:
        rows: Positions of the sample.
        columns: The columns as codes of bins or categories, each ``(n_sample,)``.
        target: The target of all training rows.
    """
    values = target.values[rows] - target.values[rows].mean(axis=0)
    rest = values.copy()
    for _ in range(N_PASSES):
        for codes in columns:
            counts = np.bincount(codes) + SMOOTHING
            for output in range(rest.shape[1]):
                means = np.bincount(codes, weights=rest[:, output]) / counts
                rest[:, output] -= STEP * means[codes]
    return Remainder(rows, values, rest - rest.mean(axis=0), target.part[rows])


def bins_of(values: NDArray[np.float64]) -> IntArray:
    """Codes of ``N_BINS`` bins with about as many rows each; one more where missing."""
    missing = np.isnan(values)
    known = values[~missing]
    if len(known) == 0:
        return np.zeros(len(values), dtype=np.int64)
    edges = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS))
    codes = np.searchsorted(edges, values, side="right")
    codes[missing] = N_BINS
    return codes


def explained(values: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the variance that lies between bins of each candidate.

    Args:
        values: Candidates, ``(n_sample, n_candidates)``; missing values come into the last bins.
        rest: What is to be explained, mean 0, ``(n_sample, n_outputs)``.

    Returns:
        ``(n_candidates,)``, each from 0 to 1.
    """
    n_rows = len(rest)
    starts = np.unique(np.linspace(0, n_rows, N_BINS + 1)[:-1].astype(np.int64))
    counts = np.diff(np.append(starts, n_rows))
    total = float((rest**2).sum())
    if total <= 0:
        return np.zeros(values.shape[1])
    order = np.argsort(values, axis=0, kind="stable")
    shares = np.zeros(values.shape[1])
    for output in range(rest.shape[1]):
        sums = np.add.reduceat(rest[:, output][order], starts, axis=0)
        shares += (sums**2 / counts[:, None]).sum(axis=0)
    return shares / total


def least_share(n_rows: int) -> float:
    """The share that a candidate must explain, well above what chance does."""
    return NOISE_FACTOR * (N_BINS - 1) / max(n_rows, 1)


def explained_by_groups(codes: IntArray, remainder: Remainder) -> float:
    """Share of the variance of the rest that groups of rows explain out of fold; may be negative.

    Args:
        codes: Group of each row of the sample, ``(n_sample,)``.
        remainder: What is to be explained.
    """
    rest = remainder.rest
    total = float((rest**2).sum())
    if total <= 0:
        return 0.0
    inner = InnerTarget(rest, np.ones(len(rest)), remainder.part)
    _, guess = smoothed_means(codes, int(codes.max()) + 1, inner)
    return 1.0 - float(((rest - guess) ** 2).sum()) / total


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
