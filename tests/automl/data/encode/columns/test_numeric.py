"""Numbers: raw, scaled, quantile-normal."""

from __future__ import annotations

import numpy as np
import pytest

from automl.data.encode.columns.numeric import NumberEncoder, fit_numbers
from automl.plugin import Encoding


def test_raw_keeps_values_and_missing_ones(table, fit):
    encoder, X = fit(table(("numeric", [1.5, None, -2.0]), ("boolean", [1.0, 0.0, None])))
    np.testing.assert_array_equal(X, np.array([[1.5, 1], [np.nan, 0], [-2, np.nan]], np.float32))
    assert X.dtype == np.float32
    assert X.flags.c_contiguous
    assert encoder.features.names == ("c0", "c1")


def test_what_float32_cannot_hold_is_missing(table, fit):
    _, X = fit(table(("numeric", [1.0, 1e300, float("inf"), -1e39])))
    np.testing.assert_array_equal(X[:, 0], np.array([1, np.nan, np.nan, np.nan], np.float32))


@pytest.mark.parametrize("numeric", ["raw", "standard", "quantile"])
def test_columns_that_tell_nothing_are_dropped(table, fit, numeric):
    data = table(
        ("numeric", [3.0] * 6),
        ("numeric", [None, None, None, None, None, 5.0]),
        ("numeric", range(6)),
    )
    encoder, X = fit(data, Encoding(numeric), rows=[0, 1, 2, 3, 4])
    assert encoder.features.names == ("c2",)
    assert X.shape == (5, 1)


def test_a_constant_that_is_sometimes_missing_is_kept_as_the_indicator(table, fit):
    data = table(("numeric", [3.0, None, 3.0]))
    assert fit(data, Encoding("raw"))[0].features.names == ("c0",)
    encoder, X = fit(data, Encoding("standard"))
    assert encoder.features.names == ("c0_is_missing",)
    assert X[:, 0].tolist() == [0, 1, 0]


def test_standard_has_mean_0_and_deviation_1_after_filling_the_median(table, fit):
    values = np.random.default_rng(0).normal(50, 7, 500).tolist()
    values[3] = values[70] = None
    encoder, X = fit(table(("numeric", values)), Encoding("standard"))
    assert encoder.features.names == ("c0", "c0_is_missing")
    assert abs(X[:, 0].mean()) < 1e-5
    assert abs(X[:, 0].std() - 1) < 1e-5
    known = [v for v in values if v is not None]
    expected = (np.median(known) - np.mean([v or np.median(known) for v in values])) / 7
    assert X[3, 0] == pytest.approx(expected, abs=0.01)
    assert np.flatnonzero(X[:, 1]).tolist() == [3, 70]


def test_one_absurd_value_does_not_flatten_the_others(table, fit):
    values = [*np.random.default_rng(0).normal(size=300), 1e30]
    _, X = fit(table(("numeric", values)), Encoding("standard"))
    assert 0.4 < X[:-1, 0].std() < 1.1
    assert np.abs(X).max() <= 10


def test_quantile_makes_any_distribution_normal(table, fit):
    values = np.random.default_rng(0).lognormal(sigma=3, size=5000)
    encoder, X = fit(table(("numeric", values)), Encoding("quantile"))
    order = np.argsort(values)
    assert np.all(np.diff(X[order, 0]) >= 0)
    assert abs(np.median(X)) < 0.01
    assert abs(X.std() - 1) < 0.02
    beyond = encoder.transform(table(("numeric", [-1e9, 1e30])))
    assert -5.2 <= beyond[0, 0] < -3
    assert 3 < beyond[1, 0] <= 5.2


def test_quantile_places_ties_at_their_middle_rank(table, fit):
    _, X = fit(table(("numeric", [0.0] * 50 + [1.0] * 50)), Encoding("quantile"))
    assert X[0, 0] == pytest.approx(-X[-1, 0])
    assert X[0, 0] == pytest.approx(-0.6745, abs=0.001)  # the 25 % point of a normal


@pytest.mark.parametrize("numeric", ["standard", "quantile"])
def test_a_value_first_missing_at_prediction_is_the_median(table, fit, numeric):
    encoder, _ = fit(table(("numeric", [1.0, 2, 3, 4, 5])), Encoding(numeric))
    X = encoder.transform(table(("numeric", [None, 3.0])))
    assert X[0, 0] == X[1, 0]
    assert X.shape == (2, 1)


@pytest.mark.parametrize("start", [1.7e12, 987_654_000.0, -1.7e12])
def test_numbers_close_together_far_from_zero_are_told_apart(start):
    values = start + np.arange(0, 90_000, 300.0)
    encoder = fit_numbers("x", values, "raw")
    out = np.empty((len(values), 1), dtype=np.float32)
    encoder.write(values, out)
    assert len(np.unique(out)) == len(values)
    again = NumberEncoder.from_state(*encoder.state())
    twice = np.empty_like(out)
    again.write(values, twice)
    np.testing.assert_array_equal(out, twice)


def test_other_numbers_are_kept_as_they_are():
    values = np.array([0.1, 2.5, np.nan, 1e6])
    encoder = fit_numbers("x", values, "raw")
    out = np.empty((4, 1), dtype=np.float32)
    encoder.write(values, out)
    np.testing.assert_array_equal(out[:, 0], values.astype(np.float32))
