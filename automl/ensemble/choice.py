"""Ensemble or single model, corrected or not: what is better on rows that it did not see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import NO_CALIBRATION, Calibration, learn_calibration
from automl.ensemble.candidates import Candidates, aligned, sample
from automl.ensemble.interval import standard_error
from automl.ensemble.nested import Nested, select_in_parts
from automl.ensemble.selection import (
    Selection,
    alone,
    as_selection,
    best_single,
    greedy_weights,
)
from automl.plugin.metric import Metric

__all__ = ["choose_ensemble"]

MIN_SAMPLE_ROWS = 2_000
NESTED_POOL = 12
NESTED_STEPS = 12
NESTED_MAX_ROWS = 20_000
SHARE_OF_TIME_FOR_STEPS = 0.6

Kind = Literal["ensemble", "single"]
KINDS: tuple[Kind, ...] = ("single", "ensemble")


def choose_ensemble(
    predictions: Sequence[NDArray[Any]],
    y: NDArray[Any],
    metric: Metric,
    *,
    steps: int = 25,
    max_members: int = 12,
    weight: NDArray[np.float64] | None = None,
    group: NDArray[np.int64] | None = None,
    fold: NDArray[np.int64] | None = None,
    families: Sequence[str] | None = None,
    costs: Sequence[float] | None = None,
    loads: Sequence[Sequence[float]] | None = None,
    pool: int = 30,
    max_rows: int = 100_000,
    parts: int = 5,
    time_limit_s: float | None = None,
    seed: int = 0,
) -> Selection:
    """Selects an ensemble, and keeps it only if it beats the best single model out of sample.

    Selection on the very rows that score it flatters the ensemble. So the rows are divided into
    parts; each row is predicted by the ensemble and by the single model that were selected without
    its part, and the lower loss of these predictions decides. In the same way it is decided whether
    the weighted mean is corrected (see ``learn_calibration``). For ``nested_score`` these decisions
    as well are made without the part. The nested selections are made short
    (12 steps, 12 models and the best of each family, 20,000 rows): that is to the ensemble's
    disadvantage.

    Args:
        predictions: As in ``select_ensemble``, like ``y`` to ``max_rows``.
        y: Class indices or values, ``(n_rows,)``.
        metric: What is to be good.
        steps: Models added at most, repeats included.
        max_members: Distinct models at most.
        weight: Row weights, ``(n_rows,)``.
        group: Group number of each row, ``(n_rows,)``: no group is in two parts.
        fold: Number of the fold of each row, as in ``select_ensemble``; for a metric that ranks
            the folds are the parts.
        families: Family of each model.
        costs: What a prediction of each model costs, in any unit.
        loads: What share of each limit each model takes up, as in ``select_ensemble``.
        pool: Models considered at most, beside the best of each family.
        max_rows: Rows that steer the steps at most.
        parts: Parts of the rows.
        time_limit_s: Wall-clock seconds to aim at: fewer rows steer the steps where it would take
            longer. Without it the result depends on the arguments alone.
        seed: Of the sample of rows and of the parts.

    Raises:
        ValueError: The lengths do not agree, or no model predicts any row.
    """
    candidates = aligned(
        predictions,
        y,
        metric,
        weight=weight,
        group=group,
        fold=fold,
        families=families,
        costs=costs,
        loads=loads,
    )
    n_scorings = candidates.n_models + steps * min(pool, candidates.n_models)
    share = _affordable_share(sample(candidates, max_rows, seed), n_scorings, time_limit_s)
    max_rows, nested_rows = (
        rows if share >= 1 else max(MIN_SAMPLE_ROWS, int(rows * share))
        for rows in (max_rows, min(max_rows, NESTED_MAX_ROWS))
    )
    steered = sample(candidates, max_rows, seed)
    single = best_single(candidates)
    weights = greedy_weights(steered, steps=steps, max_members=max_members, pool=pool)
    short = {"steps": min(steps, NESTED_STEPS), "pool": min(pool, NESTED_POOL)}
    nested = select_in_parts(
        steered,
        {
            "single": lambda seen: alone(best_single(seen), seen.n_models),
            "ensemble": lambda seen: greedy_weights(seen, max_members=max_members, **short),
        },
        parts=parts,
        max_rows=nested_rows,
        seed=seed,
    )
    kind, reason = _judge(candidates, weights, nested)
    could_be = KINDS[: np.count_nonzero(weights)]
    if kind == "single":
        weights = alone(single, candidates.n_models)
    if nested is None:
        return replace(as_selection(candidates, weights, single, len(predictions)), reason=reason)
    ways = {
        (k, is_corrected): nested.shown(k, is_corrected)
        for k in could_be
        for is_corrected in (False, True)
    }
    plain, corrected = (nested.candidates.loss(ways[kind, c]) for c in (False, True))
    calibration = _learn(steered, weights) if corrected < plain else NO_CALIBRATION
    chosen = as_selection(candidates, weights, single, len(predictions), calibration)
    honest = nested.judged_elsewhere(list(ways.values()))
    return _with_nested_score(replace(chosen, reason=reason), steered, honest, seed)


def _judge(
    candidates: Candidates, weights: NDArray[np.float64], nested: Nested | None
) -> tuple[Kind, str]:
    """Whether the ensemble is kept, and why."""
    if candidates.n_models == 1:
        return "single", "there is one model to choose from"
    if np.count_nonzero(weights) == 1:
        return "single", "no other model improves on the best single one"
    if nested is None:
        few = f"{candidates.n_rows} rows are too few to tell whether an ensemble is better"
        return "single", few
    metric = candidates.metric
    ensemble, single = (
        nested.candidates.score(nested.shown(kind)) for kind in ("ensemble", "single")
    )
    found = (
        f"on rows that selection did not see the ensemble has {metric.name} {ensemble:.6g} and "
        f"the best single model {single:.6g}"
    )
    if metric.is_better(ensemble, than=single):
        return "ensemble", found
    return "single", found + ", so that model predicts alone"


def _learn(candidates: Candidates, weights: NDArray[np.float64]) -> Calibration:
    blend = candidates.blend(weights)
    return learn_calibration(blend, candidates.y, candidates.metric, candidates.weight)


def _with_nested_score(
    chosen: Selection, candidates: Candidates, shown: NDArray[np.float64], seed: int
) -> Selection:
    """Adds the score of predictions that no row had a part in, and its error.

    Args:
        chosen: The selection.
        candidates: What it was selected from.
        shown: Predictions of their rows, as the metric is shown them.
        seed: Of the draws for the error.
    """

    def score(rows: NDArray[np.int64]) -> float:
        weight = None if candidates.weight is None else candidates.weight[rows]
        fold = None if candidates.fold is None else candidates.fold[rows]
        return candidates.metric.score_folds(candidates.y[rows], shown[rows], fold, weight)

    return replace(
        chosen,
        nested_score=candidates.score(shown),
        score_se=standard_error(score, candidates.n_rows, candidates.group, seed),
    )


def _affordable_share(candidates: Candidates, n_scorings: int, time_limit_s: float | None) -> float:
    """Share of the rows on which so many scorings keep the time limit, by timing one of them."""
    if time_limit_s is None:
        return 1.0
    start = time.perf_counter()
    candidates.loss(candidates.predictions[0])
    planned_s = (time.perf_counter() - start) * n_scorings
    return SHARE_OF_TIME_FOR_STEPS * time_limit_s / max(planned_s, 1e-9)
