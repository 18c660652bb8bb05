"""Ensemble or single model: whichever is better on rows that its selection did not see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.candidates import Candidates, aligned, sample
from automl.ensemble.selection import (
    Selection,
    as_selection,
    best_single,
    greedy_path,
)
from automl.plugin.metric import Metric

__all__ = ["choose_ensemble"]

MIN_ROWS_PER_PART = 4
MIN_SAMPLE_ROWS = 2_000
NESTED_POOL = 12
NESTED_STEPS = 12
NESTED_MAX_ROWS = 20_000
SHARE_OF_TIME_FOR_STEPS = 0.6


@dataclass(frozen=True, slots=True)
class _Nested:
    """Scores on parts of the rows, by what was selected on the other parts."""

    ensemble: NDArray[np.float64]
    single: NDArray[np.float64]


def choose_ensemble(
    predictions: Sequence[NDArray[Any]],
    y: NDArray[Any],
    metric: Metric,
    *,
    steps: int = 25,
    max_members: int = 12,
    weight: NDArray[np.float64] | None = None,
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
    parts; on each part the ensemble and the single model that were selected on the other parts are
    scored, and the lower mean loss decides. The nested selections are made short (12 steps, 12
    models and the best of each family, 20,000 rows): that is to the ensemble's disadvantage.

    Args:
        predictions: As in ``select_ensemble``, like ``y`` to ``max_rows``.
        y: Class indices or values, ``(n_rows,)``.
        metric: What is to be good.
        steps: Models added at most, repeats included.
        max_members: Distinct models at most.
        weight: Row weights, ``(n_rows,)``.
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
        predictions, y, metric, weight=weight, families=families, costs=costs, loads=loads
    )
    n_models = len(candidates.numbers)
    n_scorings = n_models + steps * min(pool, n_models)
    share = _affordable_share(sample(candidates, max_rows, seed), n_scorings, time_limit_s)
    max_rows, nested_rows = (
        rows if share >= 1 else max(MIN_SAMPLE_ROWS, int(rows * share))
        for rows in (max_rows, min(max_rows, NESTED_MAX_ROWS))
    )
    single = best_single(candidates)
    path = greedy_path(
        sample(candidates, max_rows, seed), steps=steps, max_members=max_members, pool=pool
    )
    nested = _nested_scores(
        candidates,
        parts=min(parts, candidates.n_rows // MIN_ROWS_PER_PART),
        steps=min(steps, NESTED_STEPS),
        max_members=max_members,
        pool=min(pool, NESTED_POOL),
        max_rows=nested_rows,
        seed=seed,
    )
    ensemble_wins, reason = _judge(candidates, path, nested)
    if not ensemble_wins:
        path = [single]
    chosen = as_selection(candidates, path, single, len(predictions))
    if nested is None:
        return replace(chosen, reason=reason)
    scores = nested.ensemble if ensemble_wins else nested.single
    return replace(
        chosen,
        reason=reason,
        nested_score=float(scores.mean()),
        score_se=float(scores.std(ddof=1) / np.sqrt(len(scores))),
    )


def _judge(candidates: Candidates, path: Sequence[int], nested: _Nested | None) -> tuple[bool, str]:
    """Whether the ensemble is kept, and why."""
    if len(candidates.numbers) == 1:
        return False, "there is one model to choose from"
    if len(set(path)) == 1:
        return False, "no other model improves on the best single one"
    if nested is None:
        return False, f"{candidates.n_rows} rows are too few to tell whether an ensemble is better"
    metric = candidates.metric
    ensemble, single = (float(scores.mean()) for scores in (nested.ensemble, nested.single))
    found = (
        f"on rows that selection did not see the ensemble has {metric.name} {ensemble:.6g} and "
        f"the best single model {single:.6g}"
    )
    if metric.is_better(ensemble, than=single):
        return True, found
    return False, found + ", so that model predicts alone"


def _nested_scores(
    candidates: Candidates,
    *,
    parts: int,
    steps: int,
    max_members: int,
    pool: int,
    max_rows: int,
    seed: int,
) -> _Nested | None:
    """Scores on each part of what was selected on the others; None with fewer than two parts."""
    if parts < 2:
        return None
    part_of_row = _parts(candidates, parts, seed)
    ensemble, single = np.empty(parts), np.empty(parts)
    for part in range(parts):
        inside = part_of_row == part
        seen = sample(candidates.rows(np.flatnonzero(~inside)), max_rows, seed + part)
        unseen = candidates.rows(np.flatnonzero(inside))
        single[part] = unseen.score(unseen.blend([best_single(seen)]))
        path = greedy_path(seen, steps=steps, max_members=max_members, pool=pool)
        ensemble[part] = unseen.score(unseen.blend(path))
    return _Nested(ensemble, single)


def _parts(candidates: Candidates, parts: int, seed: int) -> NDArray[np.int64]:
    """Number of the part of each row, ``(n_rows,)``: equal shares of each class, else at random."""
    shuffled = np.random.default_rng(seed).permutation(candidates.n_rows)
    if candidates.predictions[0].ndim == 2:
        shuffled = shuffled[np.argsort(candidates.y[shuffled], kind="stable")]
    part_of_row = np.empty(candidates.n_rows, dtype=np.int64)
    part_of_row[shuffled] = np.arange(candidates.n_rows) % parts
    return part_of_row


def _affordable_share(candidates: Candidates, n_scorings: int, time_limit_s: float | None) -> float:
    """Share of the rows on which so many scorings keep the time limit, by timing one of them."""
    if time_limit_s is None:
        return 1.0
    start = time.perf_counter()
    candidates.loss(candidates.blend([0]))
    planned_s = (time.perf_counter() - start) * n_scorings
    return SHARE_OF_TIME_FOR_STEPS * time_limit_s / max(planned_s, 1e-9)
