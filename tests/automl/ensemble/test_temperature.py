import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from automl.ensemble.calibration import apply_temperature, fit_temperature
from automl.metrics import CATALOG


def sampled(temperature, n_classes=3, n_rows=20_000, seed=0):
    """Probabilities that are sure by a factor, and labels drawn by the right ones."""
    rng = np.random.default_rng(seed)
    right = rng.dirichlet(np.ones(n_classes), size=n_rows)
    y = (rng.random((n_rows, 1)) > right.cumsum(axis=1)).sum(axis=1)
    return apply_temperature(right, 1 / temperature), y


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_there_is_found(temperature):
    assert fit_temperature(*sampled(temperature)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_has_a_lower_log_loss():
    probabilities, y = sampled(1.7, n_rows=500)
    found = fit_temperature(probabilities, y)
    loss = CATALOG["log_loss"].score
    best = loss(y, apply_temperature(probabilities, found))
    for other in (0.9 * found, 0.999 * found, 1.001 * found, 1.1 * found):
        assert best <= loss(y, apply_temperature(probabilities, other))


def test_rows_of_weight_two_count_as_two():
    probabilities, y = sampled(1.4, n_rows=300)
    weight = np.random.default_rng(0).integers(1, 3, 300)
    twice = np.repeat(np.arange(300), weight)
    weighed = fit_temperature(probabilities, y, weight.astype(float))
    assert weighed == pytest.approx(fit_temperature(probabilities[twice], y[twice]), rel=1e-4)


@pytest.mark.parametrize("right", [True, False])
def test_rows_that_are_sure_keep_the_temperature_in_its_range(right):
    probabilities = np.tile([0.9999, 0.0001], (50, 1))
    y = np.full(50, 0 if right else 1)
    assert 0.2 - 1e-6 <= fit_temperature(probabilities, y) <= 5.0 + 1e-6


@given(seed=st.integers(0, 1000), temperature=st.floats(0.2, 5))
@settings(max_examples=30)
def test_the_order_of_the_classes_stays_and_rows_sum_to_one(seed, temperature):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(4), size=20)
    scaled = apply_temperature(probabilities, temperature)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    np.testing.assert_array_equal(scaled.argsort(axis=1), probabilities.argsort(axis=1))


def test_a_class_of_no_probability_stays_finite():
    scaled = apply_temperature(np.array([[1.0, 0.0]]), 0.2)
    assert np.isfinite(scaled).all()
    assert scaled[0, 1] == pytest.approx(0, abs=1e-12)
