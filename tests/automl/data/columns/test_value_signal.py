"""What whole numbers explain by their values and by their order."""

import numpy as np
import pytest

from automl.data.columns.value_signal import compare, fold_rows, shown_target

N = 3_000


def explained(numbers, y, **steering):
    target = shown_target(y, is_classification=False)
    return compare(numbers.astype(float), target, fold_rows(len(y), **steering), 0.0)


def test_values_without_order_explain_what_they_can_and_neighbours_nothing():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 100, N)
    found = explained(codes, rng.normal(0, 1, 100)[codes] + rng.normal(0, 1, N))
    assert found.by_value == pytest.approx(0.5, abs=0.12)
    assert found.by_order < 0.5 * found.by_value
    assert found.error_rows > found.error_values > 3


def test_a_smooth_order_explains_as_much_as_the_values():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 300, N)
    found = explained(x, np.sin(x / 30) + rng.normal(0, 1, N))
    assert found.by_order > found.by_value > 0.1


def test_noise_explains_nothing():
    rng = np.random.default_rng(2)
    assert explained(rng.integers(0, 100, N), rng.normal(size=N)).by_value < 0.005


def test_a_constant_target_is_explained_by_nothing():
    assert explained(np.arange(N) % 60, np.ones(N)).by_value == 0


def test_rows_are_predicted_from_earlier_ones_where_they_have_a_time():
    folding = fold_rows(100, time=np.arange(100)[::-1])
    for later in range(5):
        for earlier in range(5):
            assert folding.sees[later, earlier] == (earlier < later)
    assert folding.part[0] == 4
    assert folding.part[-1] == 0


def test_groups_are_whole_and_rows_of_fold_minus_1_are_seen_and_never_predicted():
    group = np.arange(100) // 4
    assert all(len(set(fold_rows(100, group=group).part[group == g])) == 1 for g in range(25))
    folding = fold_rows(6, fold=np.array([0, 1, -1, 0, 1, -1]))
    assert folding.sees[folding.part[2]].tolist() == [0] * 6
    assert folding.sees[folding.part[0], folding.part[2]] == 1


def test_frequent_classes_have_a_column_each_and_two_share_one():
    assert shown_target(np.array([0, 1, 1]), is_classification=True).tolist() == [[0], [1], [1]]
    assert shown_target(np.arange(40) % 13, is_classification=True).shape == (40, 10)
