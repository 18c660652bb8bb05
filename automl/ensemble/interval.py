"""Estimates the standard error and the 95 % interval of a score."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.metrics import influence
from automl.plugin.metric import Metric

__all__ = [
    "KAPPA",
    "Estimate",
    "bootstrap_error",
    "confidence_interval",
    "estimate",
    "fold_factor",
    "kappa_of_cells",
    "t_95",
]

KAPPA = 0.6
"""Contribution of the folds' models to the variance of a cross-validated score; 0 is none, 1 the
correction of Nadeau and Bengio. Calibrated in docs/decisions/0036."""

DRAWS = 100
MAX_ROWS = 10_000
NORMAL_95 = 1.959964
MIN_UNITS = 10
MIN_FREEDOM = 4.0
MOST_LOGS = 500.0  # larger exponents may overflow


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95 % confidence interval.

    Attributes:
        score: Score on rows not used for training.
        error: Standard error, including the variance of the folds' models.
        low, high: The interval; not symmetric near the bounds of the metric.
    """

    score: float
    error: float
    low: float
    high: float


def estimate(
    metric: Metric,
    y_true: NDArray[Any],
    prediction: NDArray[Any],
    *,
    weight: NDArray[np.float64] | None = None,
    group: NDArray[np.int64] | None = None,
    fold: NDArray[np.int64] | None = None,
    kappa: float = KAPPA,
    seed: int = 0,
) -> Estimate | None:
    """Scores predictions of unseen rows and estimates the error of the score.

    ``error = row_error * sqrt(1 + kappa * K / (K - 1))`` for K folds, and the row error for a
    holdout. Rows of a fold share a model and the models share training rows, which the row error
    ignores (Bengio & Grandvalet, 2004). The form is that of the corrected resampled t-test
    (Nadeau & Bengio, 2003) with a calibrated kappa. The row error has a closed form for some
    metrics (``automl.metrics.influence``), else it is bootstrapped. A group counts as one draw.
    The interval uses Student's t, on the logit scale for metrics with two bounds and on the log
    scale for losses.

    Args:
        metric: The metric.
        y_true: Class indices or values, ``(n_rows,)``.
        prediction: Finite predictions, as for ``Metric.score``.
        weight: Row weights, ``(n_rows,)``.
        group: Group number of each row, ``(n_rows,)``.
        fold: Fold number of each row, ``(n_rows,)``; None is one fold.
        kappa: See above.
        seed: Seed of the bootstrap.

    Returns:
        The estimate; None with fewer than 10 rows or groups, or without a finite score.
    """
    score = metric.score_folds(y_true, prediction, fold, weight)
    units = _Units(np.arange(len(y_true)) if group is None else group)
    if units.count < MIN_UNITS or not math.isfinite(score):
        return None
    freedom = units.count - 1.0
    moves = _moves(metric, y_true, prediction, fold, weight)
    if moves is None:

        def drawn(rows: NDArray[np.int64]) -> float:
            return metric.score_folds(
                y_true[rows],
                prediction[rows],
                None if fold is None else fold[rows],
                None if weight is None else weight[rows],
            )

        row_error = bootstrap_error(drawn, len(y_true), group, seed)
    else:
        row_error, freedom = _error_of_sum(units.sums(moves))
    if row_error is None or not math.isfinite(row_error):
        return None
    n_folds = 1 if fold is None else len(np.unique(fold))
    error = row_error * fold_factor(n_folds, kappa)
    low, high = confidence_interval(score, error, metric.bounds, freedom, units.count)
    return Estimate(score, error, low, high)


def fold_factor(n_folds: int, kappa: float = KAPPA) -> float:
    """Returns the ratio of the error of a cross-validated score to its row error."""
    return 1.0 if n_folds < 2 else math.sqrt(1 + kappa * n_folds / (n_folds - 1))


def kappa_of_cells(n_folds: int, n_cells: int) -> float:
    """Returns the ``kappa`` for cells that widens the error as much as the folds would.

    Args:
        n_folds: Folds of one repeat.
        n_cells: Cells scored separately: parts of folds, or the folds of all repeats.
    """
    if n_folds < 2 or n_cells < 2:
        return 0.0
    return KAPPA * (n_folds / (n_folds - 1)) / (n_cells / (n_cells - 1))


def confidence_interval(
    score: float,
    error: float,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    freedom: float = math.inf,
    n_units: int = 1_000_000,
) -> tuple[float, float]:
    """Returns the 95 % interval of a score, within the bounds of its metric.

    Args:
        score: The score.
        error: Standard error of the score.
        bounds: Lowest and highest possible score. With two finite bounds the interval is symmetric
            on the logit scale, with one on the log scale.
        freedom: Degrees of freedom of the error.
        n_units: Independent rows or groups. A score at a bound, such as an accuracy of 1, gets the
            error of half a wrong unit.
    """
    low, high = bounds
    t = t_95(freedom)
    if math.isfinite(low) and math.isfinite(high):
        return _on_logit_scale(score, error, bounds, t, n_units)
    if math.isfinite(low):
        factor = _factor(t * error, score - low)
        return low + (score - low) / factor, low + (score - low) * factor
    if math.isfinite(high):
        factor = _factor(t * error, high - score)
        return high - (high - score) * factor, high - (high - score) / factor
    return score - t * error, score + t * error


def _factor(reach: float, distance: float) -> float:
    """Factor of the distance to a bound at the ends of an interval."""
    return math.exp(min(reach / distance, MOST_LOGS)) if distance > 0 else 1.0


def _on_logit_scale(
    score: float, error: float, bounds: tuple[float, float], t: float, n_units: int
) -> tuple[float, float]:
    low, span = bounds[0], bounds[1] - bounds[0]
    share = (score - low) / span
    inside = min(max(share, 0.5 / n_units), 1 - 0.5 / n_units)
    spread = max(error / span, math.sqrt(inside * (1 - inside) / n_units) * (share != inside))
    logit = math.log(inside / (1 - inside))
    reach = t * spread / (inside * (1 - inside))
    ends = [
        1 / (1 + math.exp(-min(max(logit + sign * reach, -MOST_LOGS), MOST_LOGS)))
        for sign in (-1, 1)
    ]
    return low + span * min(ends[0], share), low + span * max(ends[1], share)


def t_95(freedom: float) -> float:
    """Returns the 97.5 % quantile of Student's t.

    Abramowitz & Stegun, 26.7.5; accurate to 1 % from 4 degrees of freedom on.
    """
    z, n = NORMAL_95, max(freedom, MIN_FREEDOM)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def _moves(
    metric: Metric,
    y_true: NDArray[Any],
    prediction: NDArray[Any],
    fold: NDArray[np.int64] | None,
    weight: NDArray[np.float64] | None,
) -> NDArray[np.float64] | None:
    """Influence of each row on the score, ``(n_rows,)``; None without a closed form."""
    mass = np.ones(len(y_true)) if weight is None else weight
    whole = np.zeros(len(y_true), dtype=np.int64)
    fold_of_row = fold if fold is not None and metric.is_ranking else whole
    moves = np.zeros(len(y_true))
    n_scored = 0
    for number in np.unique(fold_of_row):
        rows = np.flatnonzero(fold_of_row == number)
        y = y_true[rows]
        if metric.is_ranking and (y == y[0]).all():
            continue  # not scored either, see Metric.score_folds
        found = influence(metric, y, prediction[rows], None if weight is None else weight[rows])
        if found is None:
            return None
        total = mass[rows].sum()
        moves[rows] = found * mass[rows] * (len(rows) / total if total > 0 else 0.0)
        n_scored += len(rows)
    return moves / n_scored if n_scored else None


def _error_of_sum(moves: NDArray[np.float64]) -> tuple[float, float]:
    """Standard error of a sum over independent units, and its degrees of freedom.

    A few influential rows, such as those of a rare class, make the error uncertain: the variance
    of n numbers of kurtosis k varies like one with ``2 n / (k - 1)`` degrees of freedom.
    """
    n = len(moves)
    squares = moves**2
    total = float(squares.sum())
    if total <= 0:
        return 0.0, n - 1.0
    kurtosis = n * float((squares**2).sum()) / total**2
    freedom = min(n - 1.0, 2 * n / max(kurtosis - 1, 1e-9))
    return math.sqrt(total * n / (n - 1)), freedom


def bootstrap_error(
    score: Callable[[NDArray[np.int64]], float],
    n_rows: int,
    group: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> float | None:
    """Bootstraps the standard error of a score (Efron, 1979).

    Groups are drawn as a whole, as their rows are not independent. At most 10,000 rows are drawn
    at a time; the error is then scaled by the root of their share.

    Args:
        score: Scores rows by number; numbers may repeat.
        n_rows: Number of rows.
        group: Group number of each row, ``(n_rows,)``.
        seed: Seed of the draws.

    Returns:
        The error; None with fewer than 10 rows or groups, or without finite scores.
    """
    units = _Units(np.arange(n_rows) if group is None else group)
    if units.count < MIN_UNITS:
        return None
    n_drawn = max(MIN_UNITS, round(units.count * min(1.0, MAX_ROWS / n_rows)))
    random = np.random.default_rng(seed)
    scores = np.array(
        [score(units.rows(random.integers(units.count, size=n_drawn))) for _ in range(DRAWS)]
    )
    scores = scores[np.isfinite(scores)]
    if len(scores) < 2:
        return None
    return float(scores.std(ddof=1) * np.sqrt(n_drawn / units.count))


class _Units:
    """Units of the bootstrap: groups of rows.

    Args:
        group: Group number of each row, any integers.
    """

    def __init__(self, group: NDArray[np.int64]) -> None:
        _, self._unit_of_row, sizes = np.unique(group, return_inverse=True, return_counts=True)
        self.count = len(sizes)
        self._order = np.argsort(group, kind="stable")
        self._sizes = sizes
        self._starts = np.cumsum(sizes) - sizes

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the sum over the rows of each unit, ``(count,)``."""
        return np.bincount(self._unit_of_row, values, minlength=self.count).astype(np.float64)

    def rows(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the rows of units by number."""
        sizes = self._sizes[units]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows: NDArray[np.int64] = self._order[np.repeat(self._starts[units], sizes) + within]
        return rows
