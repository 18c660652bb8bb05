"""Ridge regression with leave-one-out penalties, against scikit-learn and against leaving out."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from automl_plugins._ridge import PENALTIES, fit_ridge


def made(n_rows, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)) * rng.uniform(0.1, 5, size=n_features)
    return X, X[:, 0] / X[:, 0].std() + 0.5 * rng.normal(size=n_rows)


@pytest.mark.parametrize("shape", [(40, 10), (30, 60)], ids=["tall", "wide"])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_ridge_regression_of_one_of_its_penalties(shape, weighted):
    X, y = made(*shape)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y)) if weighted else None
    ours = fit_ridge(X, y, weight, 0).predict(X)
    w = np.ones(len(y)) if weight is None else weight / weight.mean()
    mean = np.average(X, axis=0, weights=w)
    Z = (X - mean) / np.sqrt(np.average((X - mean) ** 2, axis=0, weights=w))
    theirs = [Ridge(alpha=p * shape[1]).fit(Z, y, w).predict(Z) for p in PENALTIES]
    assert min(np.abs(ours - prediction).max() for prediction in theirs) < 1e-4


def test_the_penalty_is_the_one_that_predicts_left_out_rows_best():
    X, y = made(40, 30)
    ours = fit_ridge(X, y, None, 0)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    errors = []
    for penalty in PENALTIES:
        left_out = []
        for i in range(len(y)):
            kept = np.arange(len(y)) != i
            # The scale of the features is that of all rows: it is no part of what is left out.
            model = Ridge(alpha=penalty * 30).fit(Z[kept], y[kept])
            left_out.append(y[i] - model.predict(Z[[i]])[0])
        errors.append(np.mean(np.square(left_out)))
    best = Ridge(alpha=PENALTIES[int(np.argmin(errors))] * 30).fit(Z, y).predict(Z)
    np.testing.assert_allclose(ours.predict(X), best, atol=1e-4)


def test_probabilities_are_as_sure_as_left_out_rows_allow():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 400)), rng.integers(3, size=300)
    random = fit_ridge(X[:200], y[:200], None, 3).predict(X[200:])
    assert np.abs(random - 1 / 3).max() < 0.2  # it fits noise well, and knows that it does
    X[np.arange(300), y] += 12.0
    sure = fit_ridge(X[:200], y[:200], None, 3).predict(X[200:])
    assert (sure.argmax(axis=1) == y[200:]).mean() > 0.95
    np.testing.assert_allclose(sure.sum(axis=1), 1.0)


def test_constant_features_and_classes_without_rows_do_no_harm():
    X, _ = made(20, 5)
    X[:, 2] = 7.0
    y = np.arange(20) % 2
    prediction = fit_ridge(X, y, None, 3).predict(X)
    assert prediction.shape == (20, 3)
    assert np.isfinite(prediction).all()
    assert prediction[:, 2].max() < 0.5
