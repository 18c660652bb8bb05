"""Strata of values, and how whole groups are dealt out."""

import numpy as np
import pytest

from automl.data.split.splitters import group_labels, strata_of


@pytest.mark.parametrize(
    ("n_rows", "n_parts", "sizes"),
    [
        (1000, 5, [100] * 10),  # ten bins at most
        (12, 3, [3, 3, 3, 3]),  # a row of each bin for each part
        (11, 3, [3, 4, 4]),
        (5, 3, [5]),
        (2, 3, [2]),
    ],
)
def test_values_have_up_to_ten_bins_of_at_least_a_row_for_each_part(n_rows, n_parts, sizes):
    y = np.random.default_rng(0).permutation(n_rows).astype(float)
    strata = strata_of(y, is_classification=False, n_parts=n_parts)
    assert sorted(np.bincount(strata)) == sorted(sizes)
    assert (np.diff(strata[np.argsort(y)]) >= 0).all()


def test_a_rare_class_is_spread_over_the_parts_before_their_sizes_are_made_equal():
    sizes, classes = [10, 10, 10, 2, 2], [0, 0, 0, 1, 1]
    group, strata = np.repeat(np.arange(5), sizes), np.repeat(classes, sizes)
    labels = group_labels(strata, group, 2, np.random.default_rng(0))
    assert set(labels[strata == 1]) == {0, 1}
    assert sorted(np.bincount(labels)) == [12, 22]


def test_the_largest_groups_are_dealt_out_first():
    sizes = [1, 1, 2, 2, 4, 4, 6]
    group = np.repeat(np.arange(7), sizes)
    labels = group_labels(np.zeros(20, dtype=np.int64), group, 2, np.random.default_rng(0))
    assert np.bincount(labels).tolist() == [10, 10]
