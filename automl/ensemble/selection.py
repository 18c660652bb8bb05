"""Selects an ensemble greedily, with replacement, on out-of-fold predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import NO_CALIBRATION, Calibration
from automl.ensemble.candidates import Candidates, sample

__all__ = [
    "DEFAULT",
    "SHORT_POOL",
    "SHORT_STEPS",
    "Selection",
    "SelectionOptions",
    "as_selection",
    "best_single",
    "better_of",
    "greedy_path",
    "greedy_weights",
    "select_ensemble",
    "single_model_weights",
]

SHORT_POOL, SHORT_STEPS = 12, 12
MIN_SKILL = 0.02  # of the way from the prior to the best model


@dataclass(frozen=True, slots=True)
class Selection:
    """Models that predict together, with weights.

    Attributes:
        weights: Weight of each model, ``(n_models,)``, not negative, sum 1.
        score: Score on the rows used for selection, so optimistic.
        single_best: Number of the best single model.
        kind: ``ensemble``, or ``single`` for one model.
        reason: Reason for that kind, in a sentence.
        nested_score: Score of predictions of each row by a selection and calibration made without
            it; None if not computed.
        score_se: Standard error of ``nested_score``; None if not computed.
        interval: 95 % interval of ``nested_score``; None if not computed.
        calibration: Calibration of the weighted mean.
        blocks: In a time plan, the folds that ``nested_score`` averages; else empty.
    """

    weights: NDArray[np.float64]
    score: float
    single_best: int
    kind: Literal["ensemble", "single"]
    reason: str = ""
    nested_score: float | None = None
    score_se: float | None = None
    interval: tuple[float, float] | None = None
    calibration: Calibration = NO_CALIBRATION
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """Limits of a selection.

    Attributes:
        steps: Largest number of models added, with repetition.
        max_members: Largest number of distinct models.
        pool: Largest number of models considered, besides the best of each family.
        max_rows: Largest number of rows used by the steps; fewer where there are many classes.
        parts: Parts of the rows, for selections without one of them.
        time_limit_s: Target for the wall-clock seconds; fewer rows are used to meet it. Without it
            the result depends on the arguments alone.
        seed: Seed of the samples of rows, of the parts and of the halves.
    """

    steps: int = 25
    max_members: int = 12
    pool: int = 30
    max_rows: int = 100_000
    parts: int = 5
    time_limit_s: float | None = None
    seed: int = 0

    @property
    def short(self) -> SelectionOptions:
        """Options of the selections that are only scored: fewer steps and models."""
        return replace(self, steps=min(self.steps, SHORT_STEPS), pool=min(self.pool, SHORT_POOL))


DEFAULT = SelectionOptions()


def select_ensemble(candidates: Candidates, options: SelectionOptions = DEFAULT) -> Selection:
    """Selects models greedily, with replacement (Caruana et al., 2004, section 2).

    From the best single model on, each step adds the model that lowers the loss of the mean
    prediction most. Losses are compared at 7 significant digits; among equal ones a model that is
    already in is preferred, then the cheaper one, then the first. Of the steps the shortest
    prefix with the lowest loss is kept. A model is added only if the sum of the loads stays within
    every limit. One that does not go 2 % of the way from the loss of the baseline to the lowest one
    is not added, as some metrics do not notice a constant.

    Where there are more than ``max_rows`` rows, a sample of them steers the steps, and the result
    is checked against the best single model on all of them.
    """
    weights = greedy_weights(sample(candidates, options.max_rows, options.seed), options)
    return better_of(candidates, weights)


def better_of(candidates: Candidates, weights: NDArray[np.float64]) -> Selection:
    """Selects the weighted models, or the best single model if it is as good."""
    losses = candidates.losses()
    single = best_single(candidates, losses)
    if losses[single] <= candidates.loss(candidates.blend(weights)):
        weights = single_model_weights(single, candidates.n_models)
    return as_selection(candidates, weights, single)


def as_selection(
    candidates: Candidates,
    weights: NDArray[np.float64],
    single: int,
    calibration: Calibration = NO_CALIBRATION,
) -> Selection:
    """The result, in the numbers of the caller's models.

    Args:
        candidates: The models.
        weights: Of the candidates.
        single: Position of the one that is best by itself.
        calibration: What is done to the weighted mean.
    """
    corrected = calibration.apply(candidates.blend(weights))
    of_all = np.zeros(candidates.n_given)
    of_all[list(candidates.numbers)] = weights
    return Selection(
        weights=of_all,
        score=candidates.score(calibration.for_metric(candidates.metric, corrected)),
        single_best=candidates.numbers[single],
        kind="ensemble" if np.count_nonzero(weights) > 1 else "single",
        calibration=calibration,
    )


def single_model_weights(position: int, n_models: int) -> NDArray[np.float64]:
    """Weights under which one model predicts alone."""
    weights = np.zeros(n_models)
    weights[position] = 1.0
    return weights


def greedy_weights(candidates: Candidates, options: SelectionOptions) -> NDArray[np.float64]:
    """Weights of the candidates, ``(n_models,)``; see ``select_ensemble``."""
    path = greedy_path(candidates, options)
    return np.bincount(path, minlength=candidates.n_models) / len(path)


def best_single(candidates: Candidates, losses: Sequence[float] | None = None) -> int:
    """Returns the position of the best single model.

    Ties: lower log loss, then lower cost, then the first.

    Args:
        candidates: The models.
        losses: Their losses, if known.
    """
    known = candidates.losses() if losses is None else losses
    best = min(known)
    equal = [i for i, loss in enumerate(known) if loss == best]
    return _least_surprised(candidates, equal, [candidates.predictions[i] for i in equal])


def _least_surprised(
    candidates: Candidates, equal: Sequence[int], predictions: Sequence[NDArray[Any]]
) -> int:
    """Breaks a tie by log loss, then cost, then position.

    Args:
        candidates: The models.
        equal: Positions of the models with equal loss.
        predictions: Prediction with each.
    """
    if len(equal) == 1:
        return equal[0]
    surprise = [candidates.mean_log_loss(prediction) for prediction in predictions]
    ranks = zip(surprise, [candidates.costs[i] for i in equal], equal, strict=True)
    return min(ranks)[-1]


def greedy_path(candidates: Candidates, options: SelectionOptions) -> list[int]:
    """Positions of the models in the order they are added; see ``select_ensemble``."""
    losses = candidates.losses()
    considered = _considered(candidates, losses, options.pool)
    path = [best_single(candidates, losses)]
    reached = [losses[path[0]]]
    total = candidates.predictions[path[0]].astype(np.float64)
    while len(path) < options.steps:
        full = len(set(path)) >= options.max_members
        allowed = [
            i for i in considered if i in path or (not full and candidates.fit_together([*path, i]))
        ]
        loss, added = _best_addition(candidates, path, total, allowed)
        path.append(added)
        reached.append(loss)
        total += candidates.predictions[added]
    return path[: int(np.argmin(reached)) + 1]


def _best_addition(
    candidates: Candidates, path: Sequence[int], total: NDArray[np.float64], allowed: Sequence[int]
) -> tuple[float, int]:
    """Returns loss and position of the model whose addition gives the best mean.

    Args:
        candidates: The models.
        path: Positions of the models already added.
        total: Sum of their predictions.
        allowed: Positions of the models that may be added.
    """
    mean, n = np.empty_like(total), len(path) + 1
    ranks = []
    for i in allowed:
        np.add(total, candidates.predictions[i], out=mean)
        np.divide(mean, n, out=mean)
        ranks.append((candidates.loss(mean), i not in path))
    best = min(ranks)
    equal = [i for i, rank in zip(allowed, ranks, strict=True) if rank == best]
    means = [(total + candidates.predictions[i]) / n for i in equal] if len(equal) > 1 else []
    return best[0], _least_surprised(candidates, equal, means)


def _considered(candidates: Candidates, losses: Sequence[float], pool: int) -> list[int]:
    """Returns the best models by loss and the best of each family, without useless ones."""
    prior, best = candidates.prior_loss(), min(losses)
    limit = prior - MIN_SKILL * (prior - best) if math.isfinite(prior) else math.inf
    able = [i for i, loss in enumerate(losses) if loss < limit] or range(len(losses))
    ranked = sorted(able, key=lambda i: (losses[i], candidates.costs[i], i))
    best_of_family: dict[str, int] = {}
    for i in ranked:
        best_of_family.setdefault(candidates.families[i], i)
    return sorted({*ranked[:pool], *best_of_family.values()})
