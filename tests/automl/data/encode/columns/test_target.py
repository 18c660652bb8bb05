"""Out-of-fold target encoding."""

from __future__ import annotations

import numpy as np
import pytest

from automl.plugin import Encoding, Task

TARGET = Encoding(categorical="target")


def test_a_category_is_encoded_by_its_smoothed_mean(table, fit):
    values = ["a"] * 90 + ["b"] * 10
    y = np.array([1] * 45 + [0] * 45 + [1] * 10)
    encoder, _ = fit(table(("categorical", values)), TARGET, y=y)
    assert encoder.features.names == ("c0_te0", "c0_frequency")
    X = encoder.transform(table(("categorical", ["a", "b", "never seen", None])))
    prior = 0.55
    expected = [(45 + 10 * prior) / 100, (10 + 10 * prior) / 20, prior, prior]
    np.testing.assert_allclose(X[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(X[:, 1], np.log1p([90, 10, 0, 0]), rtol=1e-6)


def test_missing_is_a_category_of_its_own(table, fit):
    values = ["a", "b"] * 50 + [None] * 50
    y = np.array([0, 1] * 50 + [1] * 50)
    encoder, _ = fit(table(("categorical", values)), TARGET, y=y)
    X = encoder.transform(table(("categorical", [None, "unseen"])))
    assert X[0, 0] > 0.9
    assert X[1, 0] == pytest.approx(y.mean())


def test_training_rows_do_not_see_their_own_target(table, fit):
    """With one row a category there is nothing to learn: in-fold means would give the target."""
    n_rows = 400
    y = np.random.default_rng(0).integers(0, 2, n_rows)
    data = table(("categorical", [f"id{i}" for i in range(n_rows)]))
    encoder, X = fit(data, TARGET, y=y)
    seen = encoder.transform(data)[:, 0]
    assert np.corrcoef(seen, y)[0, 1] > 0.99
    np.testing.assert_allclose(X[:, 0], y.mean(), atol=0.02)


def test_random_categories_stay_uncorrelated_with_the_target(table, fit):
    rng = np.random.default_rng(1)
    y = rng.normal(size=3000)
    data = table(("categorical", [f"v{v}" for v in rng.integers(0, 600, 3000)]))
    encoder, X = fit(data, TARGET, y=y, task=Task.REGRESSION, n_classes=0)
    assert np.corrcoef(encoder.transform(data)[:, 0], y)[0, 1] > 0.3  # the trap
    assert abs(np.corrcoef(X[:, 0], y)[0, 1]) < 0.1


def test_a_weight_of_2_is_a_row_twice(table, fit):
    values, y = ["a", "a", "b", "b", "b"], np.array([1.0, 2.0, 3.0, 4.0, 9.0])
    twice = [0, 1, 2, 3, 4, 4]
    common = {"view": TARGET, "task": Task.REGRESSION, "n_classes": 0}
    weighted, _ = fit(
        table(("categorical", values)), y=y, weight=np.array([1.0, 1, 1, 1, 2]), **common
    )
    repeated, _ = fit(table(("categorical", [values[i] for i in twice])), y=y[twice], **common)
    new = table(("categorical", ["a", "b", None]))
    np.testing.assert_allclose(
        weighted.transform(new)[:, 0], repeated.transform(new)[:, 0], rtol=1e-6
    )


@pytest.mark.parametrize(("n_classes", "n_outputs"), [(3, 3), (10, 10), (14, 10)])
def test_classes_get_a_column_each_up_to_ten(table, fit, n_classes, n_outputs):
    y = np.arange(280) % n_classes
    data = table(("categorical", [f"v{v % 7}" for v in y]))
    encoder, X = fit(data, TARGET, y=y, task=Task.MULTICLASS, n_classes=n_classes)
    assert X.shape == (280, n_outputs + 1)
    assert len(set(encoder.features.names)) == n_outputs + 1


def test_scaled_views_scale_the_means_of_a_large_target(table, fit):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 500)
    data = table(("categorical", [f"v{v}" for v in codes]))
    y = codes * 1e6
    _, X = fit(data, Encoding("standard", "target"), y=y, task=Task.REGRESSION, n_classes=0)
    np.testing.assert_allclose(X.std(axis=0), 1, atol=1e-3)
    assert np.corrcoef(X[:, 0], y)[0, 1] > 0.99


def test_onehot_turns_to_the_target_above_the_limit(table, fit):
    values = [f"v{i % 9}" for i in range(90)]
    data = table(("categorical", values), ("categorical", [v[:2] for v in values]))
    assert "c0_cat8" in fit(data, Encoding(categorical="onehot", max_onehot=9))[0].features.names
    names = fit(data, Encoding(categorical="onehot", max_onehot=8))[0].features.names
    assert names == ("c0_te0", "c0_frequency", "c1_te0", "c1_frequency")


def test_a_single_row_can_be_encoded(table, fit):
    data = table(("categorical", ["a", None]))
    _, X = fit(data, TARGET, y=[1.0, 2.0], task=Task.REGRESSION, n_classes=0)
    assert np.isfinite(X).all()


def test_a_column_that_is_constant_but_for_rounding_is_not_scaled_up(table, fit):
    names = [f"name {i}" for i in range(249)]
    encoder, X = fit(table(("categorical", names)), Encoding("quantile", "target"))
    again = encoder.transform(table(("categorical", ["name 1", "never seen", None])))
    assert np.abs(X).max() <= 10
    assert np.abs(again).max() <= 10
