import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from automl_plugins.common.fitting import mean_and_std, total_weight, weighted_quantiles

LEVELS = (0.05, 0.25, 0.5, 0.9)
SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_quantiles_without_weights_are_those_of_numpy(seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=(3, int(rng.integers(1, 30)))), 1)
    expected = np.quantile(values, LEVELS, axis=1, method="averaged_inverted_cdf").T
    np.testing.assert_allclose(weighted_quantiles(values, None, LEVELS), expected)


@given(seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_a_value_of_weight_two_counts_as_the_value_twice_and_nan_of_weight_zero_not_at_all(seed):
    rng = np.random.default_rng(seed)
    values, times = rng.normal(size=20), rng.integers(0, 4, 20)
    times[0] = 1
    expected = weighted_quantiles(np.repeat(values, times)[np.newaxis], None, LEVELS)
    holes = np.where(times == 0, np.nan, values)
    for factor in (1.0, 0.37):
        found = weighted_quantiles(holes[np.newaxis], factor * times[np.newaxis], LEVELS)
        np.testing.assert_allclose(found, expected)


def test_mean_and_deviation_are_weighted():
    values, times = np.array([1.0, 5.0, 2.0]), np.array([3, 1, 2])
    repeated = np.repeat(values, times)
    assert mean_and_std(values, times.astype(float)) == pytest.approx(
        (repeated.mean(), repeated.std())
    )
    assert mean_and_std(np.full(3, 2.0), None) == (2.0, 1.0)
    assert total_weight(None, 3) == 3.0
    assert total_weight(times.astype(float), 3) == 6.0
