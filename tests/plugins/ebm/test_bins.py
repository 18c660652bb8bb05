from __future__ import annotations

import numpy as np

from automl.plugin import Features
from automl_plugins.ebm.bins import MISSING, Bins, make_bins


def bins_of(values: list[float], max_bins: int = 100, max_coarse: int = 100) -> Bins:
    X = np.array(values, dtype=np.float32)[:, np.newaxis]
    return make_bins(X, Features(("c0",)), max_bins, max_coarse)


def fine(bins: Bins, values: list[float]) -> list[int]:
    return bins.fine(np.array(values, dtype=np.float32)[:, np.newaxis], 0).tolist()


def test_few_values_have_a_bin_each_and_it_ends_half_way_to_the_next() -> None:
    bins = bins_of([1, 2, 2, 4, np.nan])
    assert fine(bins, [1, 2, 4]) == [1, 2, 3]
    assert fine(bins, [-9, 1.4, 1.6, 2.9, 3.1, 99]) == [1, 1, 2, 2, 3, 3]
    assert bins.n_bins(0) == 4


def test_missing_values_have_a_bin_of_their_own() -> None:
    assert fine(bins_of([1, 2]), [np.nan, 1]) == [MISSING, 1]
    assert fine(bins_of([np.nan]), [np.nan, 1]) == [MISSING, 1]


def test_neighbouring_floats_are_told_apart() -> None:
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2.0))
    assert fine(bins_of([float(low), float(high)]), [float(low), float(high)]) == [1, 2]


def test_many_values_share_bins_with_about_as_many_rows_each() -> None:
    values = np.random.default_rng(0).lognormal(size=10_000).tolist()
    bins = bins_of(values, max_bins=20, max_coarse=5)
    counts = np.bincount(fine(bins, values))
    assert counts[0] == 0
    assert len(counts) == bins.n_bins(0) == 21
    assert counts[1:].min() > 400
    coarse = np.bincount(bins.coarse[0][fine(bins, values)])
    assert len(coarse) == bins.n_bins(0, is_coarse=True) == 6
    assert coarse[1:].min() > 1_000


def test_a_value_of_most_rows_does_not_hide_the_others() -> None:
    bins = bins_of([0.0] * 900 + list(range(1, 101)), max_bins=10)
    assert fine(bins, [0]) != fine(bins, [1])
    assert fine(bins, [0]) != fine(bins, [100])


def test_codes_are_bins_and_the_rare_ones_share_a_coarse_one() -> None:
    X = np.array([[0], [3], [5]], dtype=np.float32)
    bins = make_bins(X, Features(("c0",), (0,), (6,)), max_bins=100, max_coarse=3)
    assert bins.fine(X, 0).tolist() == [0, 3, 5]
    assert bins.coarse[0].tolist() == [0, 1, 2, 3, 3, 3]
    assert bins.is_coded == (True,)


def test_codes_beyond_the_bins_are_numbers() -> None:
    X = np.arange(50, dtype=np.float32)[:, np.newaxis]
    bins = make_bins(X, Features(("c0",), (0,), (50,)), max_bins=10, max_coarse=3)
    assert bins.is_coded == (False,)
    assert bins.n_bins(0) == 11
