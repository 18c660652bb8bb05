"""Out-of-fold predictions of several models on the same rows: what selection works on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.metric import Metric

__all__ = ["Candidates", "aligned", "common_rows", "comparable", "sample", "sampled"]

MIN_COMMON_ROWS = 10
SIGNIFICANT_DIGITS = 7
LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True, slots=True)
class Candidates:
    """Models that may enter an ensemble, with what scores them.

    Attributes:
        predictions: One array per model, ``(n_rows, n_classes)`` or ``(n_rows,)``, all finite.
        numbers: Position of each in the sequence the caller gave.
        costs: What a prediction of each costs, in any unit; breaks ties.
        families: Family of each.
        loads: What share of each limit each model takes up, ``(n_models, n_limits)``.
        y: Class indices or values, ``(n_rows,)``.
        weight: Row weights, ``(n_rows,)``, or None.
        metric: What they are judged by.
        group: Group number of each row, ``(n_rows,)``, or None: rows of a group stay together.
        fold: Number of the fold of each row, ``(n_rows,)``, or None: a metric that ranks compares
            rows of a fold.
        repeat: Number of the repeat of the folds that each row is of, ``(n_rows,)``, or None for
            one: a row of the data is there once for each.
        prior: What is predicted for every row without any column, ``(n_outputs,)`` or ``()``: a
            model that is hardly better is no member. None where it is not known.
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

    @property
    def n_rows(self) -> int:
        """Rows that every model predicts."""
        return len(self.y)

    @property
    def n_models(self) -> int:
        """Models there are."""
        return len(self.numbers)

    def score(self, prediction: NDArray[Any]) -> float:
        """Scores a prediction of all rows, in the metric's own direction."""
        return self.metric.score_folds(self.y, prediction, self.fold, self.weight)

    def loss(self, prediction: NDArray[Any]) -> float:
        """Loss by which predictions are compared; see ``comparable``."""
        return comparable(self.metric.loss(self.score(prediction)))

    def surprise(self, prediction: NDArray[Any]) -> float:
        """What is compared where losses are equal: log loss of probabilities; 0 of anything else.

        On few rows several models may be perfect by a metric of ranks or labels, and not equally
        good.
        """
        if prediction.ndim == 1 or not np.issubdtype(self.y.dtype, np.integer):
            return 0.0
        right = prediction[np.arange(len(self.y)), self.y]
        losses = -np.log(np.clip(right, LEAST_PROBABILITY, 1.0))
        return comparable(float(np.average(losses, weights=self.weight)))

    def losses(self) -> list[float]:
        """Loss of each model by itself."""
        return [self.loss(prediction) for prediction in self.predictions]

    def blend(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted mean of the predictions, by a weight for each model, ``(n_models,)``, sum 1."""
        total = np.zeros(self.predictions[0].shape)
        for position in np.flatnonzero(weights):
            total += weights[position] * self.predictions[position]
        return total

    def prior_loss(self) -> float:
        """Loss of predicting the prior for every row; infinite where it is not known."""
        if self.prior is None:
            return math.inf
        return self.loss(np.tile(self.prior, (self.n_rows, *[1] * self.prior.ndim)))

    def fit_together(self, positions: Iterable[int]) -> bool:
        """Whether the models at these positions keep all limits together."""
        return bool((self.loads[sorted(set(positions))].sum(axis=0) <= 1.0).all())

    def rows(self, rows: NDArray[np.int64]) -> Candidates:
        """The same models on some of the rows."""
        return replace(
            self,
            predictions=tuple(p[rows] for p in self.predictions),
            y=self.y[rows],
            weight=None if self.weight is None else self.weight[rows],
            group=None if self.group is None else self.group[rows],
            fold=None if self.fold is None else self.fold[rows],
            repeat=None if self.repeat is None else self.repeat[rows],
        )

    def repeats(self) -> list[NDArray[np.int64]]:
        """Positions of the rows of each repeat, ascending."""
        if self.repeat is None:
            return [np.arange(self.n_rows)]
        return [np.flatnonzero(self.repeat == number) for number in np.unique(self.repeat)]

    def models(self, positions: Sequence[int]) -> Candidates:
        """Some of the models on the same rows."""
        return replace(
            self,
            predictions=tuple(self.predictions[i] for i in positions),
            numbers=tuple(self.numbers[i] for i in positions),
            costs=tuple(self.costs[i] for i in positions),
            families=tuple(self.families[i] for i in positions),
            loads=self.loads[np.array(positions, dtype=np.int64)],
        )


def comparable(loss: float) -> float:
    """A loss rounded to 7 significant digits, so that noise of summation decides nothing.

    A metric without a value there is the worst loss.
    """
    return math.inf if math.isnan(loss) else float(f"{loss:.{SIGNIFICANT_DIGITS - 1}e}")


def common_rows(predictions: Sequence[NDArray[Any]]) -> tuple[list[int], NDArray[np.int64]]:
    """Finds the rows that all models predict.

    Where hardly any row is predicted by all, the models with the fewest rows are left out.

    Returns:
        Positions of the models that stay, and the rows, sorted.

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
    """Brings models to the rows that all of them predict (see ``common_rows``).

    Args:
        predictions: One array per model, ``(n_rows, n_classes)`` or ``(n_rows,)``; NaN where a row
            is not predicted.
        y: Class indices or values, ``(n_rows,)``.
        metric: What they are judged by.
        weight: Row weights, ``(n_rows,)``.
        group: Group number of each row, ``(n_rows,)``.
        fold: Number of the fold of each row, ``(n_rows,)``.
        families: Family of each model.
        costs: What a prediction of each model costs.
        loads: What share of each limit each model takes up.
        prior: What is predicted for every row without any column.
        repeat: Number of the repeat of each row, ``(n_rows,)``.

    Raises:
        ValueError: The lengths do not agree, or no model predicts any row.
    """
    shapes = {p.shape for p in predictions}
    if len(shapes) > 1 or any(shape[0] != len(y) for shape in shapes):
        raise ValueError(f"predictions have shapes {sorted(shapes)}, for {len(y)} rows")
    for name, values in (("families", families), ("costs", costs), ("loads", loads)):
        if values is not None and len(values) != len(predictions):
            raise ValueError(f"there are {len(values)} {name} for {len(predictions)} predictions")
    kept, rows = common_rows(predictions)
    every = Candidates(
        predictions=tuple(predictions),
        numbers=tuple(range(len(predictions))),
        costs=tuple(costs) if costs is not None else (0.0,) * len(predictions),
        families=tuple(families) if families is not None else ("",) * len(predictions),
        loads=np.zeros((len(predictions), 0)) if loads is None else np.array(loads, dtype=float),
        y=y,
        weight=weight,
        metric=metric,
        group=group,
        fold=fold,
        prior=prior,
        repeat=repeat,
    ).models(kept)
    return every if len(rows) == len(y) else every.rows(rows)


def sample(candidates: Candidates, max_rows: int, seed: int) -> Candidates:
    """At most ``max_rows`` rows, drawn by the seed; see ``sampled``."""
    drawn = sampled(candidates, candidates.n_rows, max_rows, seed)
    return candidates if drawn is None else candidates.rows(drawn)


def sampled(
    candidates: Candidates, n_rows: int, max_rows: int, seed: int | Sequence[int]
) -> NDArray[np.int64] | None:
    """Draws row numbers, ascending; fewer of them where there are more than two classes.

    The time of one scoring grows with rows times classes, so it is that product that is bounded,
    down to a tenth of ``max_rows``.

    Args:
        candidates: The models.
        n_rows: Rows to draw from.
        max_rows: Rows to draw at most.
        seed: Of the draw.

    Returns:
        The numbers; None where no row has to be left out.
    """
    shape = candidates.predictions[0].shape
    n_classes = shape[1] if len(shape) == 2 else 2
    most = min(max_rows, max(2 * max_rows // max(n_classes, 2), max_rows // 10, 1))
    if n_rows <= most:
        return None
    drawn: NDArray[np.int64] = np.random.default_rng(seed).choice(n_rows, most, replace=False)
    return np.sort(drawn)
