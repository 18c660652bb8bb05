"""The choice of an ensemble in order of time: later blocks decide, and none is scored by itself."""

import numpy as np
import pytest

from automl.metrics import get_metric
from automl.plugin.task import Task
from tests.automl.ensemble.choosing import choose_forward

RMSE = get_metric("rmse", Task.REGRESSION)
LOG_LOSS = get_metric("log_loss", Task.BINARY)
N = 50


def models_of(*spreads, seed=0):
    """Targets, blocks, and for each model predictions with these errors block by block."""
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(len(spreads[0])), N)
    y = rng.normal(size=len(block))
    shown = [y + np.repeat(s, N) * rng.normal(size=len(y)) for s in spreads]
    return shown, y, block


def test_what_was_good_long_ago_gives_way_to_what_is_good_now():
    shown, y, block = models_of([0.1, 0.1, 0.3, 1.0, 1.0, 1.0], [1.0, 1.0, 0.3, 0.3, 0.3, 0.3])
    chosen = choose_forward(shown, y, RMSE, block=block, max_members=1)
    assert chosen.weights.tolist() == [0.0, 1.0]


def test_the_block_of_a_shift_does_not_choose():
    """In the second block both know nothing, and the worse model is wrong by less."""
    shown, y, block = models_of([1.0, 9.0, 0.5, 0.5], [1.0, 7.0, 1.5, 1.5])
    chosen = choose_forward(shown, y, RMSE, block=block, max_members=1)
    assert chosen.weights.tolist() == [1.0, 0.0]


def test_an_ensemble_is_kept_where_it_is_better_ahead():
    shown, y, block = models_of([1.0] * 6, [1.0] * 6, [1.0] * 6)
    chosen = choose_forward(shown, y, RMSE, block=block)
    assert chosen.kind == "ensemble"
    assert "later than those used to choose it" in chosen.reason
    assert chosen.blocks == (3, 4, 5)
    assert chosen.nested_score == pytest.approx(1 / np.sqrt(3), abs=0.12)
    assert chosen.interval[0] < chosen.nested_score < chosen.interval[1]


def test_no_block_has_a_part_in_what_is_said_of_it():
    """With the targets of the last block changed, what is predicted for it stays the same."""
    shown, y, block = models_of([1.0] * 4, [1.1] * 4, [1.2] * 4)
    other = y.copy()
    other[block == 3] = np.roll(y[block == 3], 7)
    seen = []

    def spy(y_true, prediction, weight):
        if np.array_equal(y_true, truth[block == 3]):
            seen[-1].append(np.array(prediction))
        return float(np.sqrt(np.mean((y_true - prediction) ** 2)))

    metric = type(RMSE)("spy", False, "values", (0.0, np.inf), RMSE.tasks, spy)
    for truth in (y, other):
        seen.append([])
        choose_forward(shown, truth, metric, block=block)
    said = [calls[-1] for calls in seen]  # the last look at the block is the score that is said
    np.testing.assert_array_equal(*said)


def test_before_the_end_no_score_is_made():
    shown, y, block = models_of([1.0] * 4, [1.0] * 4)
    chosen = choose_forward(shown, y, RMSE, block=block, final=False)
    assert chosen.nested_score is None
    assert np.count_nonzero(chosen.weights) == 2


def test_probabilities_are_corrected_only_where_that_held_ahead():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(6), 200)
    p = rng.uniform(0.2, 0.8, len(block))
    y = (rng.random(len(block)) < p).astype(np.int64)
    odds = (p / (1 - p)) ** 4  # four times too sure
    sure = odds / (1 + odds)
    shown = [np.column_stack([1 - sure, sure])]
    chosen = choose_forward(shown, y, LOG_LOSS, block=block)
    assert chosen.calibration.temperature > 2
    right = [np.column_stack([1 - p, p])]
    assert choose_forward(right, y, LOG_LOSS, block=block).calibration.temperature < 1.5


def test_a_limit_of_time_takes_rows_and_not_the_result():
    shown, y, block = models_of([1.0] * 4, [3.0] * 4)
    chosen = choose_forward(shown, y, RMSE, block=block, time_limit_s=1e-9)
    assert chosen.single_best == 0


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([1, 1, 1, 8, 5, 4, 1, 1.2], (4, 5, 6, 7)),  # the shift lies before the scored blocks
        ([1, 1, 1, 1, 1, 8, 1, 1.2], (4, 6, 7)),
    ],
)
def test_who_learns_a_shift_slowly_is_scored_by_that(errors, said):
    (shown,), y, block = models_of(errors)
    far = 100 * np.random.default_rng(1).normal(size=len(y))  # no error leaves the target's range
    chosen = choose_forward([shown + far], y + far, RMSE, block=block)
    assert chosen.blocks == said
    assert chosen.nested_score == pytest.approx(np.mean([errors[b] for b in said]), rel=0.15)
