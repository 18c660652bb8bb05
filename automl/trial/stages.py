"""Scores an early-stopped fit at a stage that other rows than its validation rows chose.

The rows of a fold must not choose the stage they are scored at. While a fold is alone, its
validation rows are divided into halves, and each half is scored at the best stage of the other
half. Once all folds of a trial are done, each fold is scored at a stage as good as the best of
the mean curve of the other folds (see ``automl.trial.settle``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.splitters import group_labels, strata_of, stratified_labels
from automl.data.table import Dataset
from automl.plugin.family import FittedModel, StagedModel
from automl.plugin.stages import StageLog, enough_to_choose, log_loss, stopping_metric

__all__ = [
    "MOST_ROWS",
    "StageCurve",
    "curve_of",
    "halves_of",
    "logs_of",
    "predict_by_halves",
    "stage_near",
    "write_stages",
]

DIGITS = 7
MOST_ROWS = 20_000
"""Largest number of rows that choose a stage: all stages are scored on them."""

LEAST_OTHERS = 2_000
"""Smallest number of rows outside the most frequent class in a sample."""

CURVES_FILE = "curves.npz"


@dataclass(frozen=True, slots=True)
class StageCurve:
    """The loss of a fit on some validation rows at each logged stage.

    Attributes:
        stages: Ascending, ``(n_stages,)``.
        losses: Losses in the metric of early stopping, ``(n_stages,)``; NaN if undefined.
        ties: Tie breaker between equal losses: log loss for classes, else 0, ``(n_stages,)``.
        usual: The stage to use if these rows are too few to choose one.
        weight: Sum of the weights of the rows; 0 if they are too few to choose a stage.
        grows: Whether fits of more training rows run longer.
    """

    stages: NDArray[np.float64]
    losses: NDArray[np.float64]
    ties: NDArray[np.float64]
    usual: float
    weight: float
    grows: bool

    @property
    def is_of_use(self) -> bool:
        """Whether these rows may choose a stage: there are enough, and the metric has values."""
        return self.weight > 0 and bool(np.isfinite(self.losses).any())

    @property
    def best(self) -> float:
        """The stage of the lowest loss; ties: lower log loss, then the earlier stage."""
        if not self.is_of_use:
            return self.usual
        losses = np.where(np.isfinite(self.losses), self.losses, np.inf)
        comparable = np.array([float(f"{loss:.{DIGITS - 1}e}") for loss in losses])
        return float(self.stages[np.lexsort((self.ties, comparable))[0]])


def stage_near(stages: NDArray[np.float64], wanted: float) -> int:
    """Position of the stage closest to the wanted one by ratio; the last for later ones."""
    if wanted >= stages[-1]:
        return len(stages) - 1
    return int(np.argmin(np.abs(np.log(stages) - np.log(wanted))))


def curve_of(
    log: StageLog, rows: NDArray[Any], y: NDArray[Any], weight: NDArray[np.float64] | None
) -> StageCurve:
    """The losses of some of the validation rows of a log.

    Args:
        log: Predictions of all validation rows, by stage.
        rows: Positions of the rows among them.
        y: Class indices (integers) or values of all validation rows.
        weight: Their weights.
    """
    metric, is_classification = stopping_metric(log.metric), np.issubdtype(y.dtype, np.integer)
    total = float(len(rows)) if weight is None else float(weight[rows].sum())
    enough = enough_to_choose(y[rows], bool(is_classification))
    rows = _sample(rows, y, bool(is_classification))
    own, own_weight = y[rows], None if weight is None else weight[rows]
    losses = [
        metric.loss(metric.score(own, seen[rows].astype(np.float64), own_weight))
        if len(own)
        else np.nan
        for seen in log.predictions
    ]
    ties = np.zeros(len(losses))
    if is_classification and sum(loss == min(losses) for loss in losses) > 1:
        ties = np.array([log_loss(own, seen[rows], own_weight) for seen in log.predictions])
    return StageCurve(
        np.array(log.stages),
        np.array(losses),
        ties,
        log.usual,
        total if enough else 0.0,
        log.grows,
    )


def _sample(rows: NDArray[Any], y: NDArray[Any], is_classification: bool) -> NDArray[Any]:
    """A random sample of many rows, or all of them if it would leave too few of other classes."""
    if len(rows) <= MOST_ROWS:
        return rows
    drawn = rows[np.random.default_rng(0).permutation(len(rows))[:MOST_ROWS]]
    if is_classification and len(drawn) - int(np.bincount(y[drawn]).max()) < LEAST_OTHERS:
        return rows
    return drawn


def logs_of(model: FittedModel) -> list[StageLog]:
    """Logs of an early-stopped model; none if its validation rows chose nothing."""
    return [log for log in model.stages if log.stages] if isinstance(model, StagedModel) else []


def halves_of(dataset: Dataset, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Divides rows into two halves: by time, by whole groups, or with equal shares of classes.

    Args:
        dataset: The data with targets, times and groups.
        rows: Row numbers.
        seed: Seed of the draws.

    Returns:
        0 or 1 for each of the rows.
    """
    if dataset.time is not None:
        time = dataset.time[rows]
        return (time > np.median(time)).astype(np.int64)
    rng = np.random.default_rng(seed)
    strata = strata_of(dataset.y[rows], dataset.target.task.is_classification, 2)
    if dataset.group is None:
        return stratified_labels(strata, 2, rng)
    group = dataset.group[rows]
    if len(np.unique(group)) < 2:
        return np.zeros(len(rows), dtype=np.int64)
    return group_labels(strata, group, 2, rng)


def predict_by_halves(
    logs: Sequence[StageLog],
    half: NDArray[np.int64],
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Predictions of validation rows, each half at the stage that the other half chose.

    Args:
        logs: One, or one for each level.
        half: 0 or 1 for each row.
        y: Class indices or values of the rows.
        weight: Their weights.

    Returns:
        Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)`` or quantiles.
    """
    parts = []
    for log in logs:
        stages, predictions = np.array(log.stages), log.predictions
        chosen = predictions[-1].astype(np.float64)
        for number in (0, 1):
            others = curve_of(log, np.flatnonzero(half != number), y, weight)
            inside = half == number
            chosen[inside] = predictions[stage_near(stages, others.best)][inside]
        parts.append(chosen)
    return parts[0] if len(parts) == 1 else np.column_stack(parts)


def write_stages(
    folder: Path,
    logs: Sequence[StageLog],
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    is_alone: bool = False,
) -> None:
    """Writes the curves of a fold for settling, and its predictions to be memory-mapped.

    Args:
        folder: The folder to write to.
        logs: One, or one for each level.
        y: Class indices or values of the validation rows.
        weight: Their weights.
        is_alone: Whether there is no other fold to choose a stage: then no predictions are kept.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for number, log in enumerate(logs):
        curve = curve_of(log, np.arange(len(y)), y, weight)
        if not is_alone:
            np.save(folder / f"stages-{number}.npy", np.stack(log.predictions), allow_pickle=False)
        arrays[f"{number}-curve"] = np.stack((curve.stages, curve.losses, curve.ties))
        arrays[f"{number}-facts"] = np.array([curve.usual, curve.weight, curve.grows])
    np.savez(folder / CURVES_FILE, allow_pickle=False, **arrays)
