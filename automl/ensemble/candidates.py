"""Out-of-fold predictions of several models on the same rows, the input of selection."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import Calibration, fit_calibration
from automl.plugin.metric import Metric

__all__ = ["Candidates", "aligned", "common_rows", "round_loss", "sample", "sampled"]

MIN_COMMON_ROWS = 10
SIGNIFICANT_DIGITS = 7
LEAST_PROBABILITY = 1e-7

C = TypeVar("C", bound="Candidates")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Models that may enter an ensemble, with targets and metric.

    Attributes:
        predictions: One array per model, ``(n_rows, n_classes)`` or ``(n_rows,)``, all finite.
        numbers: Position of each in the caller's sequence.
        costs: Cost of a prediction of each, in any unit; breaks ties.
        families: Family of each.
        loads: Share of each limit that each model uses, ``(n_models, n_limits)``.
        y: Class indices or values, ``(n_rows,)``.
        weight: Row weights, ``(n_rows,)``, or None.
        metric: The metric.
        group: Group number of each row, ``(n_rows,)``, or None. Groups are not divided.
        fold: Fold number of each row, ``(n_rows,)``, or None. Ranking metrics are scored per fold.
        repeat: Repeat of each row, ``(n_rows,)``, or None for one. Each row of the data occurs
            once per repeat.
        prior: Prediction of the baseline, ``(n_outputs,)`` or ``()``; models that are hardly
            better are not considered. None if unknown.
        n_given: Number of models of the caller; some may predict no common rows.
    """

    predictions: tuple[NDArray[Any], ...]
    numbers: tuple[int, ...]
    costs: tuple[float, ...]
    families: tuple[str, ...]
    loads: NDArray[np.float64]
    y: NDArray[Any]
    weight: NDArray[np.float64] | None
    metric: Metric
    group: NDArray[np.int64] | None = None
    fold: NDArray[np.int64] | None = None
    prior: NDArray[np.float64] | None = None
    repeat: NDArray[np.int64] | None = None
    n_given: int = 0

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.numbers)

    def score(self, prediction: NDArray[Any]) -> float:
        """Scores a prediction of all rows, in the metric's own direction."""
        return self.metric.score_folds(self.y, prediction, self.fold, self.weight)

    def loss(self, prediction: NDArray[Any]) -> float:
        """Loss for comparisons, rounded by ``round_loss``."""
        return round_loss(self.metric.loss(self.score(prediction)))

    def mean_log_loss(self, prediction: NDArray[Any]) -> float:
        """Log loss of probabilities, which breaks ties between equal losses; else 0.

        On few rows, several models may be perfect by a metric of ranks or labels without being
        equally good.
        """
        if prediction.ndim == 1 or not np.issubdtype(self.y.dtype, np.integer):
            return 0.0
        right = prediction[np.arange(len(self.y)), self.y]
        losses = -np.log(np.clip(right, LEAST_PROBABILITY, 1.0))
        return round_loss(float(np.average(losses, weights=self.weight)))

    def losses(self) -> list[float]:
        """Loss of each model alone."""
        return [self.loss(prediction) for prediction in self.predictions]

    def blend(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted mean of the predictions; ``weights`` is ``(n_models,)`` with sum 1."""
        total = np.zeros(self.predictions[0].shape)
        for position in np.flatnonzero(weights):
            total += weights[position] * self.predictions[position]
        return total

    @property
    def row_weights(self) -> NDArray[np.float64] | None:
        """Weights of the rows for calibration, ``(n_rows,)``, or None."""
        return self.weight

    def calibration(self, weights: NDArray[np.float64]) -> Calibration:
        """Fits the calibration of the weighted mean."""
        return fit_calibration(self.blend(weights), self.y, self.metric, self.row_weights)

    def prior_loss(self) -> float:
        """Loss of the baseline; infinite if unknown."""
        if self.prior is None:
            return math.inf
        return self.loss(np.tile(self.prior, (self.n_rows, *[1] * self.prior.ndim)))

    def fit_together(self, positions: Iterable[int]) -> bool:
        """Whether the models at these positions satisfy all limits together."""
        return bool((self.loads[sorted(set(positions))].sum(axis=0) <= 1.0).all())

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """Returns the models on some of the rows, given in ascending order."""
        if len(rows) == self.n_rows:
            return self
        by_row = ("y", "weight", "group", "fold", "repeat")
        known = {name: getattr(self, name) for name in by_row}
        parts = {name: values[rows] for name, values in known.items() if values is not None}
        return replace(self, predictions=tuple(p[rows] for p in self.predictions), **parts)

    def repeats(self) -> list[NDArray[np.int64]]:
        """Positions of the rows of each repeat, ascending."""
        if self.repeat is None:
            return [np.arange(self.n_rows)]
        return [np.flatnonzero(self.repeat == number) for number in np.unique(self.repeat)]

    def models(self, positions: Sequence[int]) -> Self:
        """Returns some of the models on all rows."""
        return replace(
            self,
            predictions=tuple(self.predictions[i] for i in positions),
            numbers=tuple(self.numbers[i] for i in positions),
            costs=tuple(self.costs[i] for i in positions),
            families=tuple(self.families[i] for i in positions),
            loads=self.loads[np.array(positions, dtype=np.int64)],
        )


def round_loss(loss: float) -> float:
    """Rounds a loss to 7 significant digits, so that rounding errors decide nothing; NaN is inf."""
    return math.inf if math.isnan(loss) else float(f"{loss:.{SIGNIFICANT_DIGITS - 1}e}")


def common_rows(predictions: Sequence[NDArray[Any]]) -> tuple[list[int], NDArray[np.int64]]:
    """Finds the rows that all models predict.

    If there are hardly any, the models with the fewest rows are dropped.

    Returns:
        Positions of the remaining models, and the rows, sorted.

    Raises:
        ValueError: No model predicts any row.
    """
    covered = [np.isfinite(p if p.ndim == 1 else np.einsum("ij->i", p)) for p in predictions]
    n_covered = [int(mask.sum()) for mask in covered]
    if not max(n_covered, default=0):
        raise ValueError("no candidate has an out-of-fold prediction of any row")
    kept = [i for i, n_rows in enumerate(n_covered) if n_rows]
    enough = min(MIN_COMMON_ROWS, max(n_covered))
    while True:
        rows = np.flatnonzero(np.logical_and.reduce([covered[i] for i in kept]))
        if len(rows) >= enough or len(kept) == 1:
            return kept, rows
        kept.remove(min(reversed(kept), key=n_covered.__getitem__))


def aligned(
    predictions: Sequence[NDArray[Any]],
    y: NDArray[Any],
    metric: Metric,
    *,
    weight: NDArray[np.float64] | None = None,
    group: NDArray[np.int64] | None = None,
    fold: NDArray[np.int64] | None = None,
    families: Sequence[str] | None = None,
    costs: Sequence[float] | None = None,
    loads: Sequence[Sequence[float]] | None = None,
    prior: NDArray[np.float64] | None = None,
    repeat: NDArray[np.int64] | None = None,
) -> Candidates:
    """Restricts models to the rows that all of them predict (see ``common_rows``).

    Args:
        predictions: One array per model, ``(n_rows, n_classes)`` or ``(n_rows,)``; NaN for rows
            without a prediction.
        y: Class indices or values, ``(n_rows,)``.
        metric: The metric.
        weight: Row weights, ``(n_rows,)``.
        group: Group number of each row, ``(n_rows,)``.
        fold: Fold number of each row, ``(n_rows,)``.
        families: Family of each model.
        costs: Cost of a prediction of each model.
        loads: Share of each limit that each model uses.
        prior: Prediction of the baseline.
        repeat: Repeat of each row, ``(n_rows,)``.

    Raises:
        ValueError: Lengths differ, or no model predicts any row.
    """
    shapes = {p.shape for p in predictions}
    if len(shapes) > 1 or any(shape[0] != len(y) for shape in shapes):
        raise ValueError(f"predictions have shapes {sorted(shapes)}, for {len(y)} rows")
    for name, values in (("families", families), ("costs", costs), ("loads", loads)):
        if values is not None and len(values) != len(predictions):
            raise ValueError(f"there are {len(values)} {name} for {len(predictions)} predictions")
    kept, rows = common_rows(predictions)
    return (
        Candidates(
            predictions=tuple(predictions),
            numbers=tuple(range(len(predictions))),
            costs=tuple(costs) if costs is not None else (0.0,) * len(predictions),
            families=tuple(families) if families is not None else ("",) * len(predictions),
            loads=np.zeros((len(predictions), 0))
            if loads is None
            else np.array(loads, dtype=float),
            y=y,
            weight=weight,
            metric=metric,
            group=group,
            fold=fold,
            prior=prior,
            repeat=repeat,
            n_given=len(predictions),
        )
        .models(kept)
        .rows(rows)
    )


def sample(candidates: C, max_rows: int, seed: int) -> C:
    """Draws at most ``max_rows`` rows; see ``sampled``."""
    return candidates.rows(sampled(candidates, candidates.n_rows, max_rows, seed))


def sampled(
    candidates: Candidates, n_rows: int, max_rows: int, seed: int | Sequence[int]
) -> NDArray[np.int64]:
    """Draws row numbers, ascending; fewer if there are more than two classes.

    The time of a scoring grows with rows times classes, so their product is limited, down to a
    tenth of ``max_rows``.

    Args:
        candidates: The models.
        n_rows: Number of rows to draw from.
        max_rows: Largest number of rows to draw.
        seed: Seed of the draw.
    """
    shape = candidates.predictions[0].shape
    n_classes = shape[1] if len(shape) == 2 else 2
    most = min(max_rows, max(2 * max_rows // max(n_classes, 2), max_rows // 10, 1))
    if n_rows <= most:
        return np.arange(n_rows)
    drawn: NDArray[np.int64] = np.random.default_rng(seed).choice(n_rows, most, replace=False)
    return np.sort(drawn)
