from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_matrix

from automl.data.encode.columns.target import inner_target
from automl.data.encode.text.projection import Projection, fit_projection
from automl.plugin import Task

N_ROWS, N_TERMS = 200, 60
ROWS = np.arange(N_ROWS)


@pytest.fixture
def matrix():
    return csr_matrix(random_matrix(N_ROWS, N_TERMS, 0.2, "csr", rng=0), dtype=np.float32)


def regression(matrix, y=None, weight=None):
    y = np.asarray(matrix[:, 0].todense()).ravel() * 10 + 3 if y is None else y
    return inner_target(y, weight, Task.REGRESSION, 0, 0)


def test_components_are_orthogonal_and_scores_foretell_the_target(matrix):
    target = regression(matrix)
    projection, train = fit_projection(matrix, target, 14.0, 0)
    assert projection.names == ("svd0", "svd1", "svd2", "svd3", "svd4", "score0")
    components = projection.weights[:5]
    np.testing.assert_allclose(components @ components.T, np.eye(5), atol=1e-4)
    applied = projection.apply(matrix)
    np.testing.assert_allclose(applied[:, :5], train[:, :5], atol=1e-5)
    truth = target.values[:, 0]
    assert np.corrcoef(train[:, 5], truth)[0, 1] > 0.9
    assert np.corrcoef(applied[:, 5], truth)[0, 1] > np.corrcoef(train[:, 5], truth)[0, 1]


def test_rows_of_weight_0_do_not_count(matrix):
    y = np.random.default_rng(0).normal(size=N_ROWS)
    weight = np.where(ROWS < 100, 1.0, 0.0)
    other = np.where(ROWS < 100, y, 5 - y)
    one, two = (
        fit_projection(matrix, regression(matrix, values, weight), 4.0, 0)[0]
        for values in (y, other)
    )
    np.testing.assert_allclose(one.weights, two.weights, atol=1e-3)


def test_large_values_are_as_easy_as_small_ones(matrix):
    small, large = (
        fit_projection(matrix, regression(matrix, y), 4.0, 0)[1][:, -1]
        for y in (matrix[:, 0].toarray().ravel(), 1e9 * matrix[:, 0].toarray().ravel() + 1e9)
    )
    np.testing.assert_allclose(large, 1e9 * small + 1e9, rtol=1e-4)


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_handful_of_rows_is_enough(matrix, n_rows):
    target = inner_target(np.arange(n_rows) % 2, None, Task.BINARY, 2, 0)
    projection, train = fit_projection(matrix[:n_rows], target, 30.0, 0)
    assert np.isfinite(train).all()
    assert train.shape == (n_rows, len(projection.names))


def test_what_is_kept_builds_an_equal_one(matrix):
    projection, train = fit_projection(matrix, regression(matrix), 14.0, 0)
    scaled, _ = projection.scaled(train)
    again = Projection.from_state(*scaled.state())
    np.testing.assert_array_equal(again.apply(matrix), scaled.apply(matrix))
