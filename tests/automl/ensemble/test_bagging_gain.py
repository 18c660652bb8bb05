"""What the mean of several models is expected to score, where models are noise around a truth."""

import numpy as np
import pytest

from automl.ensemble import fold_variance, gain_of_mean, in_log_odds, on_scale_of_noise
from automl.metrics import CATALOG

N, N_MODELS, NOISE = 20_000, 5, 0.6


@pytest.fixture(scope="module")
def values():
    """A target, what five models predict for its rows, each with noise of its own."""
    rng = np.random.default_rng(0)
    centre = rng.normal(size=N)
    return centre + rng.normal(size=N), centre + NOISE * rng.normal(size=(N_MODELS, N))


@pytest.fixture(scope="module")
def classes():
    """Labels of three classes, and the probabilities by five models with noise in log odds."""
    rng = np.random.default_rng(1)
    centre = rng.normal(size=(N, 3))
    noise = NOISE * rng.normal(size=(N_MODELS, N, 3))
    truth = np.exp(centre) / np.exp(centre).sum(axis=1, keepdims=True)
    y = (rng.random(N)[:, None] > truth.cumsum(axis=1)).sum(axis=1)
    raw = np.exp(centre + noise)
    return y, raw / raw.sum(axis=2, keepdims=True)


def gains(metric, y, models, variance, **options):
    """Expected gain over a single model, and the true one."""
    found = gain_of_mean(models[0], y, metric, variance, N_MODELS, **options)
    return found, metric.score(y, models.mean(axis=0)) - metric.score(y, models[0])


def test_of_values_it_is_most_of_what_the_mean_gains(values):
    y, models = values
    found, true = gains(CATALOG["rmse"], y, models, NOISE**2, is_classification=False)
    assert true < -0.1
    assert 0.4 < found / true < 1.2


@pytest.mark.parametrize("name", ["log_loss", "roc_auc", "accuracy"])
def test_of_classes_it_is_most_of_what_the_mean_gains(classes, name):
    y, models = classes
    log_odds = 2 * NOISE**2  # the sum over three classes of noise whose mean is taken out
    found, true = gains(CATALOG[name], y, models, log_odds, is_classification=True)
    assert 0.4 < found / true < 1.2


def test_a_variance_of_probabilities_gives_the_same_noise(classes):
    _, models = classes
    variance = ((models[0] - models[1]) ** 2).sum(axis=1).mean() / 2
    assert in_log_odds(variance, models.mean(axis=0)) == pytest.approx(2 * NOISE**2, rel=0.3)


def test_models_that_agree_and_one_alone_gain_nothing(values):
    y, models = values
    rmse = CATALOG["rmse"]
    assert gain_of_mean(models[0], y, rmse, 0.0, N_MODELS, is_classification=False) == 0.0
    assert gain_of_mean(models[0], y, rmse, 1.0, 1, is_classification=False) == 0.0


def test_what_repeats_have_averaged_already_is_not_gained_again(values):
    y, models = values
    given = (models[0], y, CATALOG["rmse"], NOISE**2, 10)
    alone = gain_of_mean(*given, is_classification=False)
    averaged = gain_of_mean(*given, is_classification=False, n_averaged=2)
    assert averaged == pytest.approx(alone * (0.5 - 0.1) / (1.0 - 0.1))


def test_probabilities_are_on_a_scale_on_which_their_noise_is_normal(classes):
    _, models = classes
    scaled = on_scale_of_noise(models[0], True)
    assert scaled.sum(axis=1) == pytest.approx(np.zeros(N), abs=1e-9)
    assert on_scale_of_noise(models[0], False) is not None


N_ROWS = 40_000


def models_of_folds(rng, n_folds, own, pull, shape=()):
    """Models that err by ``own``, and repeat a share ``pull`` of the noise of rows they saw."""
    fold = rng.integers(0, n_folds, N_ROWS)
    saw = np.arange(n_folds)[:, None] != fold
    noise = rng.normal(size=(N_ROWS, *shape))
    mask = saw.reshape(n_folds, N_ROWS, *[1] * len(shape))
    return rng.normal(0, own, (n_folds, N_ROWS, *shape)) + pull * mask * noise, saw


@pytest.mark.parametrize("pull", [0.0, 0.3])
def test_it_is_near_that_on_rows_nobody_saw(pull):
    predictions, saw = models_of_folds(np.random.default_rng(0), 5, 0.3, pull)
    assert 0.85 * 0.09 < fold_variance(predictions, saw, np.ones(N_ROWS)) < 1.3 * 0.09


def test_two_folds_have_no_row_that_both_saw():
    predictions, saw = models_of_folds(np.random.default_rng(0), 2, 0.3, 0.42)
    assert fold_variance(predictions, saw, np.ones(N_ROWS)) == pytest.approx(0.09, rel=0.05)


def test_repeats_have_rows_that_neither_saw_and_these_count_alone():
    rng = np.random.default_rng(0)
    predictions = rng.normal(0, 0.3, (4, N_ROWS))
    saw = np.concatenate([models_of_folds(rng, 2, 1, 0)[1] for _ in range(2)])
    predictions[:, :] += 5.0 * saw  # what models_of_folds remember of rows they saw
    assert fold_variance(predictions, saw, np.ones(N_ROWS)) == pytest.approx(0.09, rel=0.05)


def test_outputs_are_added_and_rows_weighted():
    rng = np.random.default_rng(0)
    predictions, saw = models_of_folds(rng, 5, 0.3, 0.0, shape=(3,))
    assert fold_variance(predictions, saw, np.ones(N_ROWS)) == pytest.approx(0.88 * 0.27, rel=0.05)
    weight = np.where(np.arange(N_ROWS) < N_ROWS // 2, 1.0, 0.0)
    predictions[:, N_ROWS // 2 :] *= 100.0
    assert fold_variance(predictions, saw, weight) == pytest.approx(0.88 * 0.27, rel=0.05)
