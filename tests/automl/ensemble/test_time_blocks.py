"""Scores by blocks of time, on predictions whose errors are known."""

import math

import numpy as np
import pytest

from automl.ensemble.candidates import aligned
from automl.ensemble.time_blocks import (
    Blocks,
    block_scores,
    estimate_of_blocks,
    in_blocks,
    kept_blocks,
    newest_blocks,
)
from automl.metrics import get_metric
from automl.plugin.task import Task

RMSE = get_metric("rmse", Task.REGRESSION)
AUC = get_metric("roc_auc", Task.BINARY)


def off_by(*errors, n=60, seed=0):
    """Predictions of 0 whose errors in each block are normal with this spread."""
    rng = np.random.default_rng(seed)
    return np.concatenate([e * rng.normal(size=n) for e in errors])


def blocks_of(*models, n=60):
    n_rows = len(models[0])
    block = np.arange(n_rows) // n
    return in_blocks(aligned(list(models), np.zeros(n_rows), RMSE, fold=block))


def test_a_block_counts_half_as_much_as_one_two_blocks_later():
    block, weights = np.arange(5), 2.0 ** (np.arange(-4, 1) / 2)
    found = in_blocks(aligned([np.zeros(5)], np.zeros(5), RMSE, fold=block))
    errors = np.array([5.0, 1.0, 2.0, 0.5, 3.0])
    assert found.score(errors) == pytest.approx(np.average(errors, weights=weights))
    assert found.row_weights == pytest.approx(weights)
    assert isinstance(found.rows(np.arange(3)), Blocks)


def test_a_block_of_one_class_has_no_auc_and_does_not_count():
    y, block = np.array([0, 1, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1])
    p = np.array([0.1, 0.9, 0.2, 0.8, 0.1, 0.1])
    shown = np.column_stack([1 - p, p])
    scores = block_scores(AUC, y, shown, block)
    assert scores[0] == 1.0
    assert math.isnan(scores[1])
    assert in_blocks(aligned([shown], y, AUC, fold=block)).score(shown) == 1.0


@pytest.mark.parametrize(("n", "newest"), [(1, (0,)), (3, (1, 2)), (5, (3, 4)), (8, (4, 5, 6, 7))])
def test_a_score_is_of_the_later_half_of_the_blocks(n, newest):
    assert newest_blocks(range(n)) == newest


@pytest.mark.parametrize(
    ("errors", "kept"),
    [
        ((1, 8, 1), (0, 2)),
        ((1, 1, 1, 8, 1, 1), (0, 1, 2, 4, 5)),
        ((1, 1, 1, 8), (0, 1, 2, 3)),  # nobody knows yet whether it will be repeated
        ((8, 8, 8, 7), (0, 1, 2, 3)),
        ((1.0, 1.1, 1.2, 1.1, 1.0), (0, 1, 2, 3, 4)),  # within chance
        ((4, 1, 4, 1, 4), (0, 1, 2, 3, 4)),  # as bad as it is now
        ((1, 1, 1, 8, 5, 4, 1, 1.2), (0, 1, 2, 4, 5, 6, 7)),  # who learns it slowly is not forgiven
        ((1, 1, 2, 8, 1, 1), (0, 1, 2, 4, 5)),  # the shift fell into the end of a block
        ((1, 8, 1, 1, 1, 8, 1), (0, 2, 3, 4, 6)),  # two shifts
    ],
)
def test_a_shock_that_later_blocks_did_not_repeat_is_left_out(errors, kept):
    assert kept_blocks(blocks_of(off_by(*errors))) == kept


def test_a_block_in_which_one_model_is_good_is_no_shock():
    surprised, prepared = off_by(1, 8, 1), off_by(1.2, 1.2, 1.2, seed=1)
    assert kept_blocks(blocks_of(surprised, prepared)) == (0, 1, 2)


def test_chance_makes_hardly_any_shock():
    n_shocks = sum(
        len(kept_blocks(blocks_of(off_by(*[1.0] * 6, n=20, seed=seed), n=20))) < 6
        for seed in range(100)
    )
    assert n_shocks <= 2


def test_the_error_of_a_mean_over_blocks_has_blocks_as_units():
    y, block = np.zeros(240), np.arange(240) // 60
    found = estimate_of_blocks(RMSE, y, off_by(1, 2, 3, 4), fold=block)
    scores = np.array(list(block_scores(RMSE, y, off_by(1, 2, 3, 4), block).values()))
    assert found.score == pytest.approx(scores.mean())
    assert found.error == pytest.approx(scores.std(ddof=1) / 2)
    t = math.log(found.high / found.score) / (found.error / found.score)
    assert t == pytest.approx(3.182, rel=1e-3)


def test_blocks_that_agree_by_chance_are_no_surer_than_their_rows():
    y, block = np.zeros(120), np.arange(120) // 60
    alike = np.tile(off_by(1), 2)
    found = estimate_of_blocks(RMSE, y, alike, fold=block)
    assert found.error > 0.03
    few = estimate_of_blocks(RMSE, y[:4], alike[:4], fold=np.zeros(4, dtype=np.int64))
    assert math.isnan(few.error)
    assert few.score > 0
