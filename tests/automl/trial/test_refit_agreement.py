from __future__ import annotations

import numpy as np
import pytest

from automl.trial.refit_agreement import MAX_ROWS, disagreement, rows_to_compare

RNG = np.random.default_rng(0)
CENTRE = RNG.normal(size=(2_000,))
FOLDS = [CENTRE + RNG.normal(0, 0.3, 2_000) for _ in range(5)]


def odds(values):
    p = 1 / (1 + np.exp(-values))
    return np.column_stack((1 - p, p))


@pytest.mark.parametrize("is_classification", [False, True])
def test_a_refit_may_differ_from_the_mean_as_the_models_of_the_folds_do(is_classification):
    shown = odds if is_classification else np.asarray
    folds, alike = [shown(f) for f in FOLDS], shown(CENTRE + RNG.normal(0, 0.35, 2_000))
    assert disagreement(folds, alike, is_classification) is None


@pytest.mark.parametrize("is_classification", [False, True])
def test_one_that_differs_twice_as_much_is_rejected(is_classification):
    shown = odds if is_classification else np.asarray
    one_tree = shown(0.1 * CENTRE)
    why = disagreement([shown(f) for f in FOLDS], one_tree, is_classification)
    assert why is not None
    assert why.startswith("its refit differs from the mean of the folds' models by 0.")


def test_rounding_is_no_difference():
    equal = [np.full(10, 3.0) + np.arange(10)] * 5
    assert disagreement(equal, equal[0] + 1e-3, False) is None
    assert disagreement(equal, equal[0] + 1.0, False) is not None


def test_one_model_has_nothing_to_be_compared_by():
    assert disagreement(FOLDS[:1], CENTRE + 9, False) is None


def test_in_time_a_refit_is_compared_with_the_newest_model():
    old, new = CENTRE, CENTRE + 2.0
    folds = [old, old + 0.5, old + 1.5, new]
    assert disagreement(folds, new + 0.1, False, by_last=True) is None
    assert disagreement([old, old, old, old + 0.1], new, False, by_last=True) is not None


def test_all_members_are_compared_on_the_same_rows():
    rows = rows_to_compare(100_000, seed=3)
    assert len(rows) == MAX_ROWS
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, rows_to_compare(100_000, seed=3))
    assert len(rows_to_compare(7, seed=3)) == 7
