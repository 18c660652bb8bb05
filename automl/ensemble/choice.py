"""Chooses between ensemble and single model by cross-fitting, and computes the nested score."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.bagged_selection import FEW_ROWS, LEAST_ROWS, bagged_weights
from automl.ensemble.calibration import NO_CALIBRATION
from automl.ensemble.candidates import Candidates, sample, sampled
from automl.ensemble.interval import estimate, kappa_of_cells
from automl.ensemble.nested import (
    Choice,
    CrossFit,
    Kind,
    Select,
    Verdict,
    comparison_text,
    parts_of,
    verdict_of,
    within_parts,
)
from automl.ensemble.selection import (
    DEFAULT,
    Selection,
    SelectionOptions,
    as_selection,
    best_single,
    greedy_weights,
    single_model_weights,
)

__all__ = ["choose_ensemble"]

MIN_SAMPLE_ROWS = 2_000
NESTED_ROWS = (20_000, 5_000)  # for a selection without one part, and without two
SHARE_OF_TIME_FOR_STEPS = 0.6


def choose_ensemble(candidates: Candidates, options: SelectionOptions = DEFAULT) -> Selection:
    """Selects an ensemble, and keeps it only if it beats the best single model out of sample.

    Selection on the very rows that score it is optimistic. So the rows are divided into parts;
    each row is predicted by the ensemble and by the single model that were selected without its
    part, and the better score of these predictions decides. In the same way it is decided whether
    the weighted mean is corrected (see ``fit_calibration``).

    For ``nested_score`` the whole of that is done once for each part on the other parts alone (see
    ``CrossFit``), and what was chosen without a part predicts all rows of it. These predictions
    are scored once, on all rows, also where a sample of them steered the selections. The nested
    selections are short (12 steps, 12 models and the best of each family, 20,000 rows, or 5,000
    rows without two parts): that is to the ensemble's disadvantage.

    With 40 to 1,000 rows the best single model is largely the luckiest, and so are the models added
    to it. There the ensemble is the mean of selections on halves of the rows (see
    ``bagged_weights``), in the nested selections too, and no single model is weighed against it.

    With repeats the steps are steered by the mean score over all of them. Parts are made in each
    repeat by itself, and what is chosen for one knows rows of the same repeat alone: other
    predictions of a row would tell its target. Scores out of sample are means over the repeats.

    For a metric that ranks the parts are whole folds, where there are three at least; no two
    repeats have folds of one number. No group is in two parts.
    """
    seed, n_models = options.seed, candidates.n_models
    repeats = candidates.repeats()
    pieces = [candidates.rows(rows) for rows in repeats]
    divided = [parts_of(piece, options.parts, seed) for piece in pieces]
    sizes = _Sizes.of(candidates, options).within(options.time_limit_s, candidates)
    steered = sample(candidates, sizes.n_rows[0], seed)
    single = best_single(candidates)
    lone = single_model_weights(single, n_models)
    is_bagged = min(options.steps, options.max_members) > 1 and (
        LEAST_ROWS <= len(repeats[0]) <= FEW_ROWS
    )
    weigh = bagged_weights if is_bagged else greedy_weights
    weights = weigh(steered, options)
    parted = [part for part in divided if part is not None]
    if len(parted) < len(divided):
        chosen = as_selection(candidates, lone, single)
        return replace(chosen, reason=_judged(candidates, weights, None)[1])
    selections: dict[Kind, Select] = {"ensemble": lambda seen: weigh(seen, options.short)}
    if not is_bagged:
        selections["single"] = lambda seen: single_model_weights(best_single(seen), n_models)
    fits = [
        CrossFit(*_drawn(piece, part, sizes.n_rows[0], seed), selections, sizes.n_rows[1:], seed)
        for piece, part in zip(pieces, parted, strict=True)
    ]
    verdict = verdict_of(fits)
    kind, reason = _judged(candidates, weights, verdict)
    weights = weights if kind == "ensemble" else lone
    calibration = steered.calibration(weights) if verdict.is_corrected else NO_CALIBRATION
    chosen = as_selection(candidates, weights, single, calibration)
    shown = np.empty(candidates.predictions[0].shape)
    part_of_row = np.empty(candidates.n_rows, dtype=np.int64)
    for rows, piece, part, fit in zip(repeats, pieces, parted, fits, strict=True):
        part_of_row[rows] = part
        shown[rows] = _cross_predicted(piece, part, fit.choices())
    chosen = replace(chosen, reason=reason)
    return _with_nested_score(chosen, candidates, part_of_row, shown, seed)


def _judged(
    candidates: Candidates, weights: NDArray[np.float64], verdict: Verdict | None
) -> tuple[Kind, str]:
    """Returns whether the ensemble is kept, and why.

    Args:
        candidates: The models.
        weights: Weights of the ensemble.
        verdict: Cross-fitted comparison; None if there are too few rows.
    """
    if candidates.n_models == 1:
        return "single", "there is one model to choose from"
    if np.count_nonzero(weights) == 1:
        return "single", "no other model improves on the best single one"
    if verdict is None:
        few = f"{candidates.n_rows} rows are too few to tell whether an ensemble is better"
        return "single", few
    if "single" not in verdict.scores:
        n_rows = len(candidates.repeats()[0])
        few = f"{n_rows} rows are too few to tell the best model from a lucky one"
        return "ensemble", f"{few}, so several predict together"
    name = candidates.metric.name
    return verdict.kind, comparison_text(
        "on rows that selection did not see", name, verdict.scores, verdict.kind
    )


def _drawn(
    candidates: Candidates, part_of_row: NDArray[np.int64], max_rows: int, seed: int
) -> tuple[Candidates, NDArray[np.int64]]:
    """Draws at most ``max_rows`` rows, with the part of each."""
    drawn = sampled(candidates, candidates.n_rows, max_rows, seed)
    return candidates.rows(drawn), part_of_row[drawn]


def _cross_predicted(
    candidates: Candidates, part_of_row: NDArray[np.int64], choices: Sequence[Choice]
) -> NDArray[np.float64]:
    """Predicts each part with the choice made without it, as the metric needs it."""
    shown = np.empty(candidates.predictions[0].shape)
    for part, choice in enumerate(choices):
        rows = np.flatnonzero(part_of_row == part)
        shown[rows] = choice.held_out_predictions(candidates, rows)
    return shown


def _with_nested_score(
    chosen: Selection,
    candidates: Candidates,
    part_of_row: NDArray[np.int64],
    shown: NDArray[np.float64],
    seed: int,
) -> Selection:
    """Adds the score of cross-fitted predictions, its error and its interval.

    Args:
        chosen: The selection.
        candidates: The models.
        part_of_row: Part of each row, ``(n_rows,)``.
        shown: Cross-fitted predictions, as the metric needs them.
        seed: Seed of the draws for the error.
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
        kappa=kappa_of_cells(
            _n_distinct(candidates.fold, candidates.repeats()[0]), _n_distinct(compared.fold)
        ),
        seed=seed,
    )
    if found is None:
        return scored
    return replace(scored, score_se=found.error, interval=(found.low, found.high))


def _n_distinct(fold: NDArray[np.int64] | None, rows: NDArray[np.int64] | None = None) -> int:
    """Returns the number of folds of some rows; one without folds."""
    if fold is None:
        return 1
    return len(np.unique(fold if rows is None else fold[rows]))


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Sizes of three kinds of selections: the final one, without one part, and without two parts.

    Attributes:
        n_rows: Largest number of rows used by one selection of each kind.
        n_scorings: Scorings of all selections of each kind.
    """

    n_rows: tuple[int, int, int]
    n_scorings: tuple[int, int, int]

    @classmethod
    def of(cls, candidates: Candidates, options: SelectionOptions) -> _Sizes:
        """Returns the sizes without a time limit."""
        n_families, n_repeats = len(set(candidates.families)), len(candidates.repeats())

        def scorings(options: SelectionOptions) -> int:
            n_models = candidates.n_models
            return n_models + options.steps * min(options.pool + n_families, n_models)

        n_rows, parts = options.max_rows, options.parts
        short = n_repeats * parts * scorings(options.short)
        return cls(
            (n_rows, min(n_rows, NESTED_ROWS[0]), min(n_rows, NESTED_ROWS[1])),
            (scorings(options), short, short * (parts - 1) // 2),
        )

    def within(self, time_limit_s: float | None, candidates: Candidates) -> _Sizes:
        """Reduces the rows, to 2,000 at least, to fit a time limit, by timing one scoring."""
        if time_limit_s is None:
            return self
        timed = sample(candidates, self.n_rows[0], 0)
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
