"""The variance of a model by what the models of the folds predict, without labels."""

import numpy as np
import pytest

from automl.ensemble import fold_variance

N = 40_000


def models(rng, n_folds, own, pull, shape=()):
    """Models that err by ``own``, and repeat a share ``pull`` of the noise of rows they saw."""
    fold = rng.integers(0, n_folds, N)
    saw = np.arange(n_folds)[:, None] != fold
    noise = rng.normal(size=(N, *shape))
    mask = saw.reshape(n_folds, N, *[1] * len(shape))
    return rng.normal(0, own, (n_folds, N, *shape)) + pull * mask * noise, saw


@pytest.mark.parametrize("pull", [0.0, 0.3])
def test_it_is_near_that_on_rows_nobody_saw(pull):
    predictions, saw = models(np.random.default_rng(0), 5, 0.3, pull)
    assert 0.85 * 0.09 < fold_variance(predictions, saw, np.ones(N)) < 1.3 * 0.09


def test_two_folds_have_no_row_that_both_saw():
    predictions, saw = models(np.random.default_rng(0), 2, 0.3, 0.42)
    assert fold_variance(predictions, saw, np.ones(N)) == pytest.approx(0.09, rel=0.05)


def test_repeats_have_rows_that_neither_saw_and_these_count_alone():
    rng = np.random.default_rng(0)
    predictions = rng.normal(0, 0.3, (4, N))
    saw = np.concatenate([models(rng, 2, 1, 0)[1] for _ in range(2)])
    predictions[:, :] += 5.0 * saw  # what models remember of rows they saw
    assert fold_variance(predictions, saw, np.ones(N)) == pytest.approx(0.09, rel=0.05)


def test_outputs_are_added_and_rows_weighted():
    rng = np.random.default_rng(0)
    predictions, saw = models(rng, 5, 0.3, 0.0, shape=(3,))
    assert fold_variance(predictions, saw, np.ones(N)) == pytest.approx(0.88 * 0.27, rel=0.05)
    weight = np.where(np.arange(N) < N // 2, 1.0, 0.0)
    predictions[:, N // 2 :] *= 100.0
    assert fold_variance(predictions, saw, weight) == pytest.approx(0.88 * 0.27, rel=0.05)
