"""Scores predictions by blocks of time, with more weight on newer blocks.

A block is the validation rows of a fold. In a time plan these follow the training rows, so the
newest blocks resemble future rows most.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.candidates import Candidates
from automl.ensemble.interval import Estimate, confidence_interval, estimate, t_95
from automl.plugin.metric import Metric

__all__ = [
    "Blocks",
    "block_scores",
    "estimate_of_blocks",
    "in_blocks",
    "kept_blocks",
    "newest_blocks",
]

BLOCKS_TO_HALF = 2.0
ERRORS, LEAST_GROWTH = 3.0, 0.3  # criteria of a shock; see kept_blocks
LEAST_FREEDOM = 2
T_OF_FEW = {2: 4.303, 3: 3.182}  # Student's t, 97.5 %, for which t_95 is not accurate


@dataclass(frozen=True, slots=True)
class Blocks(Candidates):
    """Candidates whose ``fold`` is the block of time of each row.

    ``score = sum_g w_g score_g / sum_g w_g`` with ``w_g = 2^(-(latest - g) / 2)``, so a block has
    half the weight of one two blocks later. Blocks without a score, such as an AUC of one class,
    are omitted.
    """

    def score(self, prediction: NDArray[Any]) -> float:
        """Scores a prediction of all rows, in the metric's own direction."""
        found = block_scores(self.metric, self.y, prediction, self.blocks, self.weight)
        latest = max(found, default=0)
        weights = {g: 2.0 ** (-(latest - g) / BLOCKS_TO_HALF) for g in found}
        known = [g for g, score in found.items() if math.isfinite(score)]
        if not known:
            return math.nan
        return float(np.average([found[g] for g in known], weights=[weights[g] for g in known]))

    @property
    def blocks(self) -> NDArray[np.int64]:
        """Block of each row, ``(n_rows,)``."""
        return np.zeros(self.n_rows, dtype=np.int64) if self.fold is None else self.fold

    @property
    def row_weights(self) -> NDArray[np.float64]:
        """Weight of each row times that of its block, ``(n_rows,)``."""
        own = np.ones(self.n_rows) if self.weight is None else self.weight
        weights: NDArray[np.float64] = own * 2.0 ** (
            (self.blocks - self.blocks.max()) / BLOCKS_TO_HALF
        )
        return weights

    def of(self, blocks: Collection[int]) -> Blocks:
        """Returns the models on the rows of some blocks."""
        return self.rows(np.flatnonzero(np.isin(self.blocks, list(blocks))))


def in_blocks(candidates: Candidates) -> Blocks:
    """Converts candidates to ``Blocks``."""
    return Blocks(**{f.name: getattr(candidates, f.name) for f in fields(candidates)})


def block_scores(
    metric: Metric,
    y_true: NDArray[Any],
    prediction: NDArray[Any],
    block: NDArray[np.int64],
    weight: NDArray[np.float64] | None = None,
) -> dict[int, float]:
    """Returns the score of each block by number, ascending; NaN if undefined.

    Args:
        metric: The metric.
        y_true: Class indices or values, ``(n_rows,)``.
        prediction: As for ``Metric.score``.
        block: Block of each row, ``(n_rows,)``.
        weight: Row weights, ``(n_rows,)``.
    """
    scores = {}
    for number in np.unique(block):
        rows = np.flatnonzero(block == number)
        y = y_true[rows]
        is_void = metric.is_ranking and bool((y == y[0]).all())
        own = None if weight is None else weight[rows]
        scores[int(number)] = math.nan if is_void else metric.score(y, prediction[rows], own)
    return scores


def newest_blocks(blocks: Sequence[int]) -> tuple[int, ...]:
    """Returns the later half of the blocks, at least two, on which scores are reported."""
    return tuple(sorted(blocks)[-max(2, len(blocks) // 2) :])


def kept_blocks(candidates: Blocks) -> tuple[int, ...]:
    """Returns the blocks used to compare models, ascending: all except isolated shocks.

    After a level shift, every model is far off in the first block of the new level and learns the
    level afterwards, so that block does not help to compare models. It is omitted if the loss of
    its best model exceeds the mean of the later blocks by 3 standard errors, by 30 %, and by 2
    standard deviations of the later blocks. The newest block is always kept.

    Of consecutive bad blocks only the worst is omitted. The others were predicted by models that
    had seen the new level but not learned it yet, which the score must show.
    """
    kept: list[int] = []
    later: list[tuple[float, float]] = []
    bad: dict[int, tuple[float, float]] = {}  # consecutive ones up to the current block
    for number in sorted(set(candidates.blocks.tolist()), reverse=True):
        part = candidates.of([number])
        losses = part.losses()
        best = int(np.argmin(losses))
        if not math.isfinite(losses[best]):
            kept.append(number)  # undefined, for example one class alone
            continue
        found = estimate(
            part.metric, part.y, part.predictions[best], weight=part.weight, group=part.group
        )
        error = math.inf if found is None else found.error
        if later and _is_shock(losses[best], error, later):
            bad[number] = losses[best], error
            continue
        _close(bad, kept, later)
        kept.append(number)
        later.append((losses[best], error))
    _close(bad, kept, later)
    return tuple(sorted(kept))


def _close(
    bad: dict[int, tuple[float, float]], kept: list[int], later: list[tuple[float, float]]
) -> None:
    """Ends a sequence of bad blocks: keeps all but the worst and adds them to the later ones."""
    if not bad:
        return
    worst = max(bad, key=lambda number: bad[number][0])
    for number, found in bad.items():
        if number != worst:
            kept.append(number)
            later.append(found)
    bad.clear()


def _is_shock(loss: float, error: float, later: Sequence[tuple[float, float]]) -> bool:
    """Whether a block is worse than later ones significantly and by much.

    Args:
        loss: Loss of the block.
        error: Its standard error.
        later: Losses and errors of the later blocks.
    """
    losses, errors = np.array(later).T
    mean = float(losses.mean())
    chance = ERRORS * math.hypot(error, float(np.sqrt((errors**2).sum())) / len(losses))
    spread = 2.0 * float(losses.std(ddof=1)) if len(losses) > 1 else 0.0
    return loss - mean > max(chance, LEAST_GROWTH * abs(mean), spread)


def estimate_of_blocks(
    metric: Metric,
    y_true: NDArray[Any],
    prediction: NDArray[Any],
    *,
    fold: NDArray[np.int64],
    weight: NDArray[np.float64] | None = None,
    group: NDArray[np.int64] | None = None,
) -> Estimate | None:
    """Estimates the mean score of blocks of time with its 95 % interval.

    The error is that of the mean over blocks, or that over rows if larger, as few blocks may agree
    by chance. Student's t has one degree of freedom less than there are blocks, at least two.

    Args:
        metric: The metric.
        y_true: Class indices or values, ``(n_rows,)``.
        prediction: Finite predictions, as for ``Metric.score``.
        fold: Block of each row, ``(n_rows,)``.
        weight: Row weights, ``(n_rows,)``.
        group: Group number of each row, ``(n_rows,)``.

    Returns:
        The estimate, with NaN for error and interval if there are too few rows. None if no block
        has a score.
    """
    found = block_scores(metric, y_true, prediction, fold, weight)
    scores = np.array([score for score in found.values() if math.isfinite(score)])
    if not len(scores):
        return None
    mean = float(scores.mean())
    by_rows = estimate(metric, y_true, prediction, weight=weight, group=group, fold=fold, kappa=0.0)
    error = math.nan if by_rows is None else by_rows.error
    if len(scores) > 1:
        error = float(np.fmax(error, scores.std(ddof=1) / math.sqrt(len(scores))))
    if not math.isfinite(error):
        return Estimate(mean, math.nan, math.nan, math.nan)
    freedom = max(len(scores) - 1, LEAST_FREEDOM)
    widening = T_OF_FEW.get(freedom, t_95(freedom)) / t_95(freedom)
    low, high = confidence_interval(mean, error * widening, metric.bounds, freedom, len(y_true))
    return Estimate(mean, error, low, high)
