"""Helpers for fits: time limits, early stopping, weighted quantiles, array files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import TrialContext

__all__ = [
    "ROUNDING",
    "EarlyStopping",
    "FitClock",
    "ignore_reports",
    "load_arrays",
    "mean_and_std",
    "predict_threads",
    "report_steps",
    "save_arrays",
    "total_weight",
    "weighted_quantiles",
]

ROUNDING = 1e-12
MOST_PREDICT_THREADS = 4


class FitClock:
    """Clock of a fit, limited by its share of the budget and by its deadline.

    Args:
        context: Context of the fit.
    """

    def __init__(self, context: TrialContext) -> None:
        self._context = context
        self._started = context.clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the fit began."""
        return self._context.clock() - self._started

    @property
    def has_limit(self) -> bool:
        """True if time may end the fit; otherwise it depends on its seed only."""
        return self._context.time_limit_s is not None or self._context.deadline is not None

    def left_s(self, reserve_s: float = 0.0) -> float:
        """Seconds left for fitting.

        Args:
            reserve_s: Seconds to predict and save after the fit. They count against the deadline,
                with a margin of a tenth of the time spent so far (at least 0.2 s).
        """
        margin_s = max(0.2, 0.1 * self.elapsed_s)
        left_s = self._context.time_left_s - reserve_s - margin_s
        if self._context.time_limit_s is not None:
            left_s = min(left_s, self._context.time_limit_s - self.elapsed_s)
        return left_s


@dataclass(slots=True)
class EarlyStopping:
    """Tracks the best round and decides when to stop.

    Attributes:
        is_better: True if its first score is better than its second.
        patience: Maps the best round so far to the rounds to wait after it.
        best_round: Round with the best score, 0 before the first.
        best_score: Score of that round.
    """

    is_better: Callable[[float, float], bool]
    patience: Callable[[int], float]
    best_round: int = 0
    best_score: float = float("nan")

    def update(self, round_: int, score: float) -> bool:
        """Takes the score after ``round_`` rounds; returns True if it is the best so far."""
        if self.best_round and not self.is_better(score, self.best_score):
            return False
        if np.isnan(score):
            return False
        self.best_round, self.best_score = round_, score
        return True

    def is_over(self, round_: int) -> bool:
        """True if the patience has run out after ``round_`` rounds."""
        return round_ - self.best_round >= self.patience(self.best_round)


def mean_and_std(values: NDArray[Any], weight: NDArray[np.float64] | None) -> tuple[float, float]:
    """Weighted mean and standard deviation; a deviation of 0 becomes 1."""
    centre = float(np.average(values, weights=weight))
    return centre, float(np.sqrt(np.average((values - centre) ** 2, weights=weight))) or 1.0


def total_weight(weight: NDArray[np.float64] | None, n_rows: int) -> float:
    """Sum of the row weights; the number of rows if there are no weights."""
    return float(n_rows) if weight is None else float(weight.sum())


def weighted_quantiles(
    values: NDArray[Any], weight: NDArray[Any] | None, levels: Sequence[float]
) -> NDArray[np.float64]:
    """Weighted quantiles of each row, ``(n_rows, n_levels)``.

    The smallest value with at least the level's share of the weight at or below it; if that share
    is reached exactly, the mean with the next value, as for a median (Hyndman & Fan 1996,
    definition 2). A value of weight 2 counts as two values.

    Args:
        values: ``(n_rows, n_values)``; may contain NaN with weight 0.
        weight: Weights of the values, of the same shape; None if all are equal.
        levels: Levels between 0 and 1.
    """
    n_rows, n_values = values.shape
    if weight is None:
        ordered, mass = np.sort(values, axis=1), np.ones((1, n_values))
    else:
        order = np.argsort(values, axis=1)
        ordered, mass = (np.take_along_axis(a, order, axis=1) for a in (values, weight))
    share = np.cumsum(mass, axis=1)
    share /= share[:, -1:]
    rows, found = np.arange(n_rows), np.empty((n_rows, len(levels)))
    for i, level in enumerate(levels):
        # Shares may miss the level by rounding.
        first, after = ((share < level + e).sum(axis=1) for e in (-ROUNDING, ROUNDING))
        last = np.minimum(after, n_values - 1)
        found[:, i] = (ordered[rows, first] + ordered[rows, last]) / 2
    return found


def ignore_reports(step: int, score: float) -> None:
    """Ignores a report; for fits without a pruner."""


def report_steps(first: int, last: int, n_steps: int = 30) -> frozenset[int]:
    """At most ``n_steps`` steps from ``first`` to ``last``, evenly spaced on a log scale.

    Equal for every trial with the same ends, so that a pruner can compare trials.
    """
    return frozenset(round(step) for step in np.geomspace(first, max(first, last), n_steps))


def save_arrays(path: Path, **arrays: NDArray[Any] | float) -> None:
    """Writes arrays as ``arrays.npz`` into the directory ``path``."""
    np.savez(
        path / "arrays.npz", allow_pickle=False, **{k: np.asarray(v) for k, v in arrays.items()}
    )


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Reads the arrays written by ``save_arrays``."""
    with np.load(path / "arrays.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def predict_threads() -> int:
    """Largest number of threads for the predictions of a model loaded from disk."""
    return min(MOST_PREDICT_THREADS, _usable_cpus())


def _usable_cpus() -> int:
    """Number of cores that this process may use, as far as the platform reports it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
