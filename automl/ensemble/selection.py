"""Selects an ensemble greedily, with replacement, on out-of-fold predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import NO_CALIBRATION, Calibration
from automl.ensemble.candidates import Candidates, aligned, sample
from automl.plugin.metric import Metric

__all__ = [
    "Selection",
    "as_selection",
    "best_single",
    "greedy_path",
    "greedy_weights",
    "select_ensemble",
    "single_model_weights",
]

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


def select_ensemble(
    predictions: Sequence[NDArray[Any]],
    y: NDArray[Any],
    metric: Metric,
    *,
    steps: int = 25,
    max_members: int = 12,
    weight: NDArray[np.float64] | None = None,
    fold: NDArray[np.int64] | None = None,
    families: Sequence[str] | None = None,
    costs: Sequence[float] | None = None,
    loads: Sequence[Sequence[float]] | None = None,
    prior: NDArray[np.float64] | None = None,
    pool: int = 30,
    max_rows: int = 100_000,
    seed: int = 0,
) -> Selection:
    """Selects models greedily, with replacement (Caruana et al., 2004, section 2).

    From the best single model on, each step adds the model that lowers the loss of the mean
    prediction most. Losses are compared at 7 significant digits; among equal ones a model that is
    already in is preferred, then the cheaper one, then the first. Of the steps the shortest
    prefix with the lowest loss is kept.

    Models are compared on the rows that all of them predict. Where these are more than
    ``max_rows``, a sample of them steers the steps, and the result is checked against the best
    single model on all of them.

    Args:
        predictions: One array per model, ``(n_rows, n_classes)`` or ``(n_rows,)``; NaN where a row
            is not predicted.
        y: Class indices or values, ``(n_rows,)``.
        metric: What is to be good.
        steps: Models added at most, repeats included.
        max_members: Distinct models at most.
        weight: Row weights, ``(n_rows,)``.
        fold: Number of the fold of each row, ``(n_rows,)``: a metric that ranks compares rows of
            a fold.
        families: Family of each model: the best of each is always considered.
        costs: What a prediction of each model costs, in any unit.
        loads: What share of each limit each model takes up: a model is added only where the sum
            of none exceeds 1.
        prior: What is predicted for every row without any column, ``(n_outputs,)`` or ``()``: a
            model that does not go 2 % of the way from its loss to the lowest one is not added,
            as some metrics do not notice a constant.
        pool: Models considered at most, beside the best of each family.
        max_rows: Rows that steer the steps at most; fewer where there are many classes.
        seed: Of the sample of rows.

    Raises:
        ValueError: The lengths do not agree, or no model predicts any row.
    """
    candidates = aligned(
        predictions,
        y,
        metric,
        weight=weight,
        fold=fold,
        families=families,
        costs=costs,
        loads=loads,
        prior=prior,
    )
    steered = sample(candidates, max_rows, seed)
    weights = greedy_weights(steered, steps=steps, max_members=max_members, pool=pool)
    single = best_single(candidates)
    if candidates.loss(candidates.predictions[single]) <= candidates.loss(
        candidates.blend(weights)
    ):
        weights = single_model_weights(single, candidates.n_models)
    return as_selection(candidates, weights, single, len(predictions))


def as_selection(
    candidates: Candidates,
    weights: NDArray[np.float64],
    single: int,
    n_models: int,
    calibration: Calibration = NO_CALIBRATION,
) -> Selection:
    """The result, in the numbers of the caller's models.

    Args:
        candidates: The models.
        weights: Of the candidates.
        single: Position of the one that is best by itself.
        n_models: How many models the caller has.
        calibration: What is done to the weighted mean.
    """
    corrected = calibration.apply(candidates.blend(weights))
    of_all = np.zeros(n_models)
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


def greedy_weights(
    candidates: Candidates, *, steps: int, max_members: int, pool: int
) -> NDArray[np.float64]:
    """Weights of the candidates, ``(n_models,)``; see ``select_ensemble``."""
    path = greedy_path(candidates, steps=steps, max_members=max_members, pool=pool)
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


def greedy_path(candidates: Candidates, *, steps: int, max_members: int, pool: int) -> list[int]:
    """Positions of the models in the order they are added; see ``select_ensemble``."""
    losses = candidates.losses()
    considered = _considered(candidates, losses, pool)
    path = [best_single(candidates, losses)]
    reached = [losses[path[0]]]
    total = candidates.predictions[path[0]].astype(np.float64)
    while len(path) < steps:
        full = len(set(path)) >= max_members
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
