import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as sk

from automl.errors import DataError
from automl.metrics import regression as ours

THEIRS = {
    "rmse": sk.root_mean_squared_error,
    "mse": sk.mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
    "mape": sk.mean_absolute_percentage_error,
    "medae": sk.median_absolute_error,
    "rmsle": sk.root_mean_squared_log_error,
    "pinball": sk.mean_pinball_loss,
    "smape": lambda y, p, sample_weight: np.average(
        2 * np.abs(y - p) / (np.abs(y) + np.abs(p)), weights=sample_weight
    ),
}


@pytest.mark.parametrize("name", THEIRS)
@given(seed=st.integers(0, 2**32 - 1), weighted=st.booleans())
@settings(max_examples=40, deadline=None)
def test_metrics_of_values_equal_scikit_learn(name, seed, weighted):
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(2, 50))
    y_true = rng.lognormal(size=n_rows)
    guess = np.round(y_true * rng.lognormal(sigma=0.5, size=n_rows), 1)
    weight = rng.integers(1, 4, n_rows).astype(float) if weighted else None
    expected = THEIRS[name](y_true, guess, sample_weight=weight)
    assert getattr(ours, name)(y_true, guess, weight) == pytest.approx(expected, rel=1e-9)


def test_every_metric_of_values_is_compared_with_scikit_learn():
    assert sorted(THEIRS) == sorted(ours.__all__)


@given(seed=st.integers(0, 2**32 - 1), weighted=st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_loss_of_quantiles_is_the_mean_over_their_levels(seed, weighted):
    rng = np.random.default_rng(seed)
    n_rows, levels = int(rng.integers(1, 50)), (0.1, 0.5, 0.95)
    y_true, guess = rng.normal(size=n_rows), rng.normal(size=(n_rows, 3))
    weight = rng.uniform(0.1, 3, n_rows) if weighted else None
    expected = np.mean(
        [
            sk.mean_pinball_loss(y_true, guess[:, i], alpha=level, sample_weight=weight)
            for i, level in enumerate(levels)
        ]
    )
    assert ours.pinball(y_true, guess, weight, levels) == pytest.approx(expected, rel=1e-9)


def test_smape_of_zeros_is_no_error():
    assert ours.smape(np.array([0.0, 1.0]), np.array([0.0, -1.0])) == 1.0


def test_r2_of_a_constant_target_is_defined():
    same = np.full(3, 2.0)
    assert ours.r2(same, same) == 1.0
    assert ours.r2(same, np.array([1.0, 2.0, 3.0])) == 0.0
    tenth, weight = np.full(3, 0.1), np.array([0.3, 0.7, 1.1])  # its mean is not quite a tenth
    assert ours.r2(tenth, np.array([1.0, 2.0, 3.0]), weight) == 0.0


def test_rmsle_takes_predictions_without_a_logarithm():
    assert np.isfinite(ours.rmsle(np.array([0.0, 3.0]), np.array([-5.0, 3.0])))


def test_rmsle_refuses_targets_without_a_logarithm_and_names_the_way_out():
    with pytest.raises(DataError, match=r"targets above -1; the lowest is -2: use rmse"):
        ours.rmsle(np.array([-2.0, 1.0]), np.array([0.0, 1.0]))


@pytest.mark.parametrize("name", THEIRS)
def test_no_rows_give_a_defined_score(name):
    assert np.isfinite(getattr(ours, name)(np.zeros(0), np.zeros(0)))


def test_mape_leaves_out_rows_with_a_target_of_zero():
    y, guess = np.array([0.0, 2.0, -4.0]), np.array([1.0, 1.0, -3.0])
    assert ours.mape(y, guess) == pytest.approx((0.5 + 0.25) / 2)
    assert ours.mape(y, guess, np.array([9.0, 3.0, 1.0])) == pytest.approx((1.5 + 0.25) / 4)
    assert ours.mape(y[:1], guess[:1]) == 0.0
