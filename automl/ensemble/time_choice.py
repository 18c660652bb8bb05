"""Chooses an ensemble in a time plan, and scores it on blocks later than those used."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import NO_CALIBRATION
from automl.ensemble.candidates import Candidates, round_loss, sample
from automl.ensemble.nested import KINDS, Choice, Kind, Select, comparison_text
from automl.ensemble.selection import (
    DEFAULT,
    SHORT_POOL,
    SHORT_STEPS,
    Selection,
    SelectionOptions,
    as_selection,
    best_single,
    better_of,
    greedy_weights,
    single_model_weights,
)
from automl.ensemble.time_blocks import (
    Blocks,
    estimate_of_blocks,
    in_blocks,
    kept_blocks,
    newest_blocks,
)

__all__ = ["choose_forward"]

SHORT_ROWS = 20_000
LEAST_ROWS = 2_000
SHARE_OF_TIME = 0.6

_Way = tuple[Kind, bool]
"""Ensemble or best single model, and whether it is calibrated."""


def choose_forward(
    models: Candidates, options: SelectionOptions = DEFAULT, *, final: bool = True
) -> Selection:
    """Selects an ensemble by its scores on blocks of time.

    The selection maximises the mean score of the blocks, in which a block has half the weight of
    one two blocks later and shocks are omitted (see ``Blocks`` and ``kept_blocks``).

    For ``nested_score``, the weights, kind and calibration for each block are chosen in the same
    way on earlier blocks alone. The score is the mean over the later half of the blocks, at least
    two, without shocks.

    Args:
        models: The models; ``fold`` is the block of time of each row, ascending in time.
        options: Limits of the selections.
        final: Whether to compute ``nested_score`` and to choose between the ensemble and the
            single model by it.
    """
    candidates, seed = in_blocks(models), options.seed
    recent = candidates.of(kept_blocks(candidates))
    rows = _affordable(candidates, options)
    weights = greedy_weights(sample(recent, rows[0], seed), options)
    blocks = sorted(set(candidates.blocks.tolist()))
    if not final or len(blocks) < 2:
        return better_of(recent, weights)
    selections: dict[Kind, Select] = {
        "single": lambda seen: single_model_weights(best_single(seen), seen.n_models),
        "ensemble": lambda seen: greedy_weights(seen, options.short),
    }
    ahead = _predict_ahead(candidates, blocks, selections, rows[1], seed)
    kind, is_corrected = _best_way(candidates, ahead, blocks[1:])
    single = best_single(recent)
    if kind == "single" or np.count_nonzero(weights) == 1:
        weights = single_model_weights(single, recent.n_models)
    calibration = recent.calibration(weights) if is_corrected else NO_CALIBRATION
    chosen = as_selection(recent, weights, single, calibration)
    chosen = replace(chosen, reason=_reason(candidates, ahead, blocks[1:], kind, weights))
    return _with_score(chosen, candidates, ahead, blocks)


def _predict_ahead(
    candidates: Blocks,
    blocks: Sequence[int],
    selections: Mapping[Kind, Select],
    max_rows: int,
    seed: int,
) -> dict[_Way, NDArray[np.float64]]:
    """Predicts each block but the first with weights and calibration from earlier blocks.

    Returns:
        Predictions as the metric needs them, for each way; NaN in the first block.
    """
    shape = candidates.predictions[0].shape
    shown = {(kind, c): np.full(shape, np.nan) for kind in KINDS for c in (False, True)}
    for number in blocks[1:]:
        past = candidates.of([b for b in blocks if b < number])
        seen = sample(past.of(kept_blocks(past)), max_rows, seed)
        rows = np.flatnonzero(candidates.blocks == number)
        for kind in KINDS:
            weights = selections[kind](seen)
            for is_corrected in (False, True):
                learnt = seen.calibration(weights) if is_corrected else NO_CALIBRATION
                choice = Choice(weights, learnt)
                shown[kind, is_corrected][rows] = choice.held_out_predictions(candidates, rows)
    return shown


def _best_way(
    candidates: Blocks, ahead: Mapping[_Way, NDArray[np.float64]], blocks: Sequence[int]
) -> _Way:
    """Chooses the way with the lowest loss on some blocks: first the kind, then the calibration.

    Without blocks it is the single model, not calibrated.
    """
    if not blocks:
        return "single", False

    def loss(way: _Way) -> float:
        return round_loss(candidates.metric.loss(_score(candidates, ahead[way], blocks)))

    kind = min(KINDS, key=lambda k: loss((k, False)))
    return kind, loss((kind, True)) < loss((kind, False))


def _score(candidates: Blocks, shown: NDArray[np.float64], blocks: Sequence[int]) -> float:
    """Scores a prediction of some blocks, without shocks."""
    kept = set(kept_blocks(candidates.of(blocks)))
    rows = np.flatnonzero(np.isin(candidates.blocks, sorted(kept)))
    return candidates.models(()).rows(rows).score(shown[rows])


def _with_score(
    chosen: Selection,
    candidates: Blocks,
    ahead: Mapping[_Way, NDArray[np.float64]],
    blocks: Sequence[int],
) -> Selection:
    """Adds the score of the newest blocks, each predicted in the way chosen on earlier ones."""
    shown = np.empty(candidates.predictions[0].shape)
    for number in blocks[1:]:
        way = _best_way(candidates, ahead, [b for b in blocks[1:] if b < number])
        rows = np.flatnonzero(candidates.blocks == number)
        shown[rows] = ahead[way][rows]
    predicted = replace(candidates.models([0]), predictions=(shown,))
    # Shocks are sought in all blocks: a block alone does not show whether it is the first bad one.
    kept = kept_blocks(predicted.of(blocks[1:]))
    said = tuple(b for b in newest_blocks(blocks) if b in kept)
    rows = np.flatnonzero(np.isin(candidates.blocks, said))
    part = candidates.models(()).rows(rows)
    found = estimate_of_blocks(
        part.metric,
        part.y,
        shown[rows],
        fold=candidates.blocks[rows],
        weight=part.weight,
        group=part.group,
    )
    if found is None:
        return chosen
    known = math.isfinite(found.error)
    return replace(
        chosen,
        nested_score=found.score,
        score_se=found.error if known else None,
        interval=(found.low, found.high) if known else None,
        blocks=said,
    )


def _reason(
    candidates: Blocks,
    ahead: Mapping[_Way, NDArray[np.float64]],
    blocks: Sequence[int],
    kind: Kind,
    weights: NDArray[np.float64],
) -> str:
    """Returns why the ensemble or the single model was chosen, for the user."""
    if candidates.n_models == 1:
        return "there is one model to choose from"
    if kind == "ensemble" and np.count_nonzero(weights) == 1:
        return "no other model improves on the best single one"
    scores = {k: _score(candidates, ahead[k, False], blocks) for k in KINDS}
    where = "on rows later than those used to choose it,"
    return comparison_text(where, candidates.metric.name, scores, kind)


def _affordable(candidates: Blocks, options: SelectionOptions) -> tuple[int, int]:
    """Returns the rows for the selection and for those of earlier blocks, by timing a scoring."""
    max_rows = options.max_rows
    if options.time_limit_s is None:
        return max_rows, min(max_rows, SHORT_ROWS)
    n_models, n_blocks = candidates.n_models, len(set(candidates.blocks.tolist()))
    short = n_models + SHORT_STEPS * min(SHORT_POOL, n_models)
    n_scorings = n_models + options.steps * min(options.pool, n_models) + n_blocks * short
    start = time.perf_counter()
    candidates.loss(candidates.predictions[0])
    planned_s = max((time.perf_counter() - start) * n_scorings, 1e-9)
    share = min(1.0, SHARE_OF_TIME * options.time_limit_s / planned_s)
    return (
        max(LEAST_ROWS, int(max_rows * share)),
        max(LEAST_ROWS, int(min(max_rows, SHORT_ROWS) * share)),
    )
