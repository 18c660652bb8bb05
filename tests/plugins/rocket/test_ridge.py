"""Ridge regression along all penalties, against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Reference

from automl_plugins.rocket.ridge import PENALTIES, LabelledFeatures, fit_ridge, refit_ridge


def made(n_rows, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)) * rng.uniform(0.1, 5, size=n_features)
    return X, X[:, 0] / X[:, 0].std() + 0.5 * rng.normal(size=n_rows)


@pytest.mark.parametrize("shape", [(60, 10), (60, 90)], ids=["tall", "wide"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_penalty_is_the_one_that_predicts_validation_rows_best(shape, weighted):
    X, y = made(*shape)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y)) if weighted else None
    train, valid = slice(0, 40), slice(40, 60)
    parts = (
        LabelledFeatures(X[rows], y[rows], None if weight is None else weight[rows])
        for rows in (train, valid)
    )
    ours = fit_ridge(*parts, 0)
    w = np.ones(len(y)) if weight is None else weight
    w_train = w[train] / w[train].mean()
    mean = np.average(X[train], axis=0, weights=w_train)
    Z = (X - mean) / np.sqrt(np.average((X[train] - mean) ** 2, axis=0, weights=w_train))
    theirs = [Reference(alpha=p * shape[1]).fit(Z[train], y[train], w_train) for p in PENALTIES]
    errors = [np.average((m.predict(Z[valid]) - y[valid]) ** 2, weights=w[valid]) for m in theirs]
    best = theirs[int(np.argmin(errors))]
    assert ours.penalty == PENALTIES[int(np.argmin(errors))]
    np.testing.assert_allclose(ours.predict(X), best.predict(Z), atol=1e-4)


def test_probabilities_are_as_sure_as_validation_rows_allow():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 300)), rng.integers(3, size=400)
    parts = slice(0, 200), slice(200, 300)

    def prediction():
        rows = (LabelledFeatures(X[r], y[r], None) for r in parts)
        return fit_ridge(*rows, 3).predict(X[300:])

    assert np.abs(prediction() - 1 / 3).max() < 0.2  # noise is learnt by heart, and known as noise
    X[np.arange(400), y] += 20.0
    sure = prediction()
    assert (sure.argmax(axis=1) == y[300:]).mean() > 0.95
    assert sure.max(axis=1).mean() > 0.9
    np.testing.assert_allclose(sure.sum(axis=1), 1.0)


def test_all_rows_are_fitted_with_what_the_folds_chose():
    X, y = made(60, 20)
    parts = [LabelledFeatures(X[i::2], y[i::2], None) for i in range(2)]
    models = [fit_ridge(parts[i], parts[1 - i], 0) for i in range(2)]
    everything = refit_ridge(LabelledFeatures(X, y, None), 0, models)
    assert everything.penalty == pytest.approx(np.sqrt(models[0].penalty * models[1].penalty))
    assert np.corrcoef(everything.predict(X), y)[0, 1] > 0.8


def test_constant_features_and_classes_without_rows_do_no_harm():
    X, _ = made(20, 5)
    X[:, 2] = 7.0
    rows = LabelledFeatures(X, np.arange(20) % 2, None)
    prediction = fit_ridge(rows, rows, 3).predict(X)
    assert prediction.shape == (20, 3)
    assert np.isfinite(prediction).all()
    assert prediction[:, 2].max() < 0.5
    constant = LabelledFeatures(np.ones((20, 4)), rows.y, None)
    np.testing.assert_allclose(fit_ridge(constant, constant, 2).predict(np.ones((3, 4))), 0.5)
