"""The memory that LightGBM's histograms take: what is expected, and what is spared."""

from dataclasses import replace

import numpy as np
import pytest

from automl.metrics import get_metric
from automl.plugin import ProblemInfo, Task
from automl_plugins.catboost.family import CatBoost
from automl_plugins.lightgbm.family import LightGBM
from automl_plugins.lightgbm.memory import HISTOGRAM_MIB, histogram_bytes, with_fewer_leaves
from automl_plugins.xgboost.family import XGBoost

SHAPE = ProblemInfo(
    Task.BINARY,
    get_metric("roc_auc", Task.BINARY),
    n_rows=200,
    n_numeric=10_000,
    n_classes=2,
    settings=LightGBM.settings,
)


@pytest.mark.parametrize("family", [LightGBM, CatBoost, XGBoost])
def test_few_rows_of_many_columns_are_expected_to_take_less_than_many_rows(family):
    few, many = (family().resources(replace(SHAPE, n_rows=n)).ram_gib for n in (60, 2_000))
    assert few < many


def test_histograms_of_wide_tables_are_bounded():
    wide = replace(SHAPE, n_rows=2_000, n_numeric=20_000)
    assert histogram_bytes(wide, wide.n_columns, 255) == HISTOGRAM_MIB * 2**20
    assert LightGBM().resources(wide).ram_gib < 4


def test_histograms_are_counted_by_leaf_column_and_bin():
    small = replace(SHAPE, n_rows=50_000, n_numeric=10)
    assert histogram_bytes(small, 10, 255) == 16 * 255 * 10 * 255


@pytest.mark.parametrize("n_rows", [30, 90])
def test_leaves_that_no_row_can_fill_are_not_asked_for_and_trees_stay_the_same(n_rows):
    lgb = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 6))
    y = X[:, 0] * X[:, 1] + rng.normal(size=n_rows)
    params = {"num_leaves": 31, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    fewer = with_fewer_leaves(params, n_rows)
    assert fewer["num_leaves"] == n_rows // 5
    plain, capped = (
        lgb.train({**p, "objective": "l2"}, lgb.Dataset(X, y), 20).predict(X)
        for p in (params, fewer)
    )
    np.testing.assert_array_equal(plain, capped)
    assert with_fewer_leaves(params, 10**6) == params
