"""Ensemble or single model, corrected or not: chosen and scored on rows that it did not see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import NO_CALIBRATION, Calibration, learn_calibration
from automl.ensemble.candidates import Candidates, aligned, sampled
from automl.ensemble.interval import KAPPA, estimate
from automl.ensemble.nested import Choice, CrossFit, Kind, Verdict, parts_of, within_parts
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
NESTED_POOL, NESTED_STEPS = 12, 12
NESTED_ROWS = (20_000, 5_000)  # that steer a selection without one part, and without two
SHARE_OF_TIME_FOR_STEPS = 0.6


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
    prior: NDArray[np.float64] | None = None,
    pool: int = 30,
    max_rows: int = 100_000,
    parts: int = 5,
    time_limit_s: float | None = None,
    seed: int = 0,
) -> Selection:
    """Selects an ensemble, and keeps it only if it beats the best single model out of sample.

    Selection on the very rows that score it is optimistic. So the rows are divided into parts;
    each row is predicted by the ensemble and by the single model that were selected without its
    part, and the better score of these predictions decides. In the same way it is decided whether
    the weighted mean is corrected (see ``learn_calibration``).

    For ``nested_score`` the whole of that is done once for each part on the other parts alone (see
    ``CrossFit``), and what was chosen without a part predicts all rows of it. These predictions
    are scored once, on all rows, also where a sample of them steered the selections. The nested
    selections are short (12 steps, 12 models and the best of each family, 20,000 rows, or 5,000
    rows without two parts): that is to the ensemble's disadvantage.

    Args:
        predictions: As in ``select_ensemble``, like ``y`` to ``max_rows``.
        y: Class indices or values, ``(n_rows,)``.
        metric: What is to be good.
        steps: Models added at most, repeats included.
        max_members: Distinct models at most.
        weight: Row weights, ``(n_rows,)``.
        group: Group number of each row, ``(n_rows,)``: no group is in two parts.
        fold: Number of the fold of each row, as in ``select_ensemble``; for a metric that ranks
            the parts are whole folds, where there are three at least.
        families: Family of each model.
        costs: What a prediction of each model costs, in any unit.
        loads: What share of each limit each model takes up, as in ``select_ensemble``.
        prior: What is predicted for every row without any column, as in ``select_ensemble``.
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
        prior=prior,
    )
    part_of_row = parts_of(candidates, parts, seed)
    sizes = _Sizes.of(candidates, steps, pool, parts, max_rows).within(time_limit_s, candidates)
    drawn = sampled(candidates, candidates.n_rows, sizes.n_rows[0], seed)
    steered = candidates if drawn is None else candidates.rows(drawn)
    single = best_single(candidates)
    weights = greedy_weights(steered, steps=steps, max_members=max_members, pool=pool)
    if part_of_row is None:
        _, reason = _judged(candidates, weights, None)
        chosen = as_selection(
            candidates, alone(single, candidates.n_models), single, len(predictions)
        )
        return replace(chosen, reason=reason)
    short = {"steps": min(steps, NESTED_STEPS), "pool": min(pool, NESTED_POOL)}
    nested = CrossFit(
        steered,
        part_of_row if drawn is None else part_of_row[drawn],
        {
            "single": lambda seen: alone(best_single(seen), seen.n_models),
            "ensemble": lambda seen: greedy_weights(seen, max_members=max_members, **short),
        },
        max_rows=sizes.n_rows[1:],
        seed=seed,
    )
    verdict = nested.verdict()
    kind, reason = _judged(candidates, weights, verdict)
    if kind == "single":
        weights = alone(single, candidates.n_models)
    calibration = _learn(steered, weights) if verdict.is_corrected else NO_CALIBRATION
    chosen = as_selection(candidates, weights, single, len(predictions), calibration)
    shown = _cross_predicted(candidates, part_of_row, nested.choices())
    chosen = replace(chosen, reason=reason)
    return _with_nested_score(chosen, candidates, part_of_row, shown, seed)


def _judged(
    candidates: Candidates, weights: NDArray[np.float64], verdict: Verdict | None
) -> tuple[Kind, str]:
    """Whether the ensemble is kept, and why.

    Args:
        candidates: The models.
        weights: Of the ensemble.
        verdict: What was better out of sample; None where the rows are too few to tell.
    """
    if candidates.n_models == 1:
        return "single", "there is one model to choose from"
    if np.count_nonzero(weights) == 1:
        return "single", "no other model improves on the best single one"
    if verdict is None:
        few = f"{candidates.n_rows} rows are too few to tell whether an ensemble is better"
        return "single", few
    found = (
        f"on rows that selection did not see the ensemble has {candidates.metric.name} "
        f"{verdict.scores['ensemble']:.6g} and the best single model "
        f"{verdict.scores['single']:.6g}"
    )
    if verdict.kind == "ensemble":
        return "ensemble", found
    return "single", found + ", so that model predicts alone"


def _cross_predicted(
    candidates: Candidates, part_of_row: NDArray[np.int64], choices: Sequence[Choice]
) -> NDArray[np.float64]:
    """Predicts the rows of each part by the choice of the part, as the metric is shown them."""
    shown = np.empty(candidates.predictions[0].shape)
    for part, choice in enumerate(choices):
        rows = np.flatnonzero(part_of_row == part)
        shown[rows] = choice.shown(candidates, rows)
    return shown


def _learn(candidates: Candidates, weights: NDArray[np.float64]) -> Calibration:
    blend = candidates.blend(weights)
    return learn_calibration(blend, candidates.y, candidates.metric, candidates.weight)


def _with_nested_score(
    chosen: Selection,
    candidates: Candidates,
    part_of_row: NDArray[np.int64],
    shown: NDArray[np.float64],
    seed: int,
) -> Selection:
    """Adds the score of predictions that no row had a part in, its error and its interval.

    Args:
        chosen: The selection.
        candidates: What it was selected from.
        part_of_row: Number of the part of each row, ``(n_rows,)``.
        shown: Predictions of their rows, as the metric is shown them.
        seed: Of the draws for the error.
    """
    compared = within_parts(candidates, part_of_row)
    scored = replace(chosen, nested_score=compared.score(shown))
    found = estimate(
        candidates.metric,
        candidates.y,
        shown,
        weight=candidates.weight,
        group=candidates.group,
        fold=compared.fold,
        kappa=_kappa(candidates.fold, compared.fold),
        seed=seed,
    )
    if found is None:
        return scored
    return replace(scored, score_se=found.error, interval=(found.low, found.high))


def _kappa(fold: NDArray[np.int64] | None, cell: NDArray[np.int64] | None) -> float:
    """The ``kappa`` by which cells widen the error as much as the folds that they are parts of."""
    n_folds, n_cells = (1 if of is None else len(np.unique(of)) for of in (fold, cell))
    if n_folds < 2:
        return 0.0
    return KAPPA * (n_folds / (n_folds - 1)) / (n_cells / (n_cells - 1))


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How much is scored: by the last selection, and by those without one part and without two.

    Attributes:
        n_rows: Rows that steer one such selection at most.
        n_scorings: Scorings of all selections of the kind.
    """

    n_rows: tuple[int, int, int]
    n_scorings: tuple[int, int, int]

    @classmethod
    def of(cls, candidates: Candidates, steps: int, pool: int, parts: int, max_rows: int) -> _Sizes:
        """The sizes where the time is not limited."""
        n_families = len(set(candidates.families))

        def scorings(steps: int, pool: int) -> int:
            n_models = candidates.n_models
            return n_models + steps * min(pool + n_families, n_models)

        short = scorings(min(steps, NESTED_STEPS), min(pool, NESTED_POOL))
        return cls(
            (max_rows, min(max_rows, NESTED_ROWS[0]), min(max_rows, NESTED_ROWS[1])),
            (scorings(steps, pool), parts * short, parts * (parts - 1) // 2 * short),
        )

    def within(self, time_limit_s: float | None, candidates: Candidates) -> _Sizes:
        """Fewer rows, 2,000 at least, where all would take too long, by timing one scoring."""
        if time_limit_s is None:
            return self
        drawn = sampled(candidates, candidates.n_rows, self.n_rows[0], 0)
        timed = candidates if drawn is None else candidates.rows(drawn)
        start = time.perf_counter()
        timed.loss(timed.predictions[0])
        row_s = (time.perf_counter() - start) / timed.n_rows
        n_scored = (
            n * min(rows, timed.n_rows)
            for n, rows in zip(self.n_scorings, self.n_rows, strict=True)
        )
        share = SHARE_OF_TIME_FOR_STEPS * time_limit_s / max(row_s * sum(n_scored), 1e-9)
        last, one, two = (
            rows if share >= 1 else min(rows, max(MIN_SAMPLE_ROWS, int(rows * share)))
            for rows in self.n_rows
        )
        return replace(self, n_rows=(last, one, two))
