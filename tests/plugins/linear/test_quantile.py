"""The smoothed solver against the linear program that it stands for."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import QuantileRegressor

from automl.plugin import Task
from automl.testing import PINBALL, CountedClock, RecordingReport, TestTable
from automl_plugins.linear.family import Linear

PARAMS = {"C": 1e4, "scaling": "standard"}


def spread_table(n_rows=400):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(n_rows, 3))
    y = x[:, 0] + (1.5 + x[:, 1]) * rng.normal(size=n_rows)
    return TestTable(Task.QUANTILE, x, np.empty((n_rows, 0), dtype=np.int64), y, 0, family=Linear())


def fit(table, **slot):
    fold = table.fold(Linear().encoding(PARAMS, table.problem()))
    return Linear().fit(PARAMS, fold, table.context(**slot), RecordingReport()), fold


def test_the_loss_of_the_training_rows_is_that_of_the_linear_program():
    model, fold = fit(spread_table())
    exact = np.column_stack(
        [
            QuantileRegressor(quantile=level, alpha=0)
            .fit(fold.X_train, fold.y_train)
            .predict(fold.X_train)
            for level in PINBALL.quantiles
        ]
    )
    least = PINBALL.score(fold.y_train, exact)
    assert PINBALL.score(fold.y_train, model.predict(fold.X_train)) < 1.003 * least


def test_the_shares_of_training_rows_below_are_those_of_the_levels():
    model, fold = fit(spread_table())
    below = (fold.y_train[:, np.newaxis] <= model.predict(fold.X_train)).mean(axis=0)
    np.testing.assert_allclose(below, PINBALL.quantiles, atol=0.01)


def test_weights_move_the_shares():
    table = spread_table()
    fold = table.fold(Linear().encoding(PARAMS, table.problem()))
    weight = np.where(fold.y_train > 0, 3.0, 1.0)
    weighted = replace(fold, weight_train=weight)
    model = Linear().fit(PARAMS, weighted, table.context(), RecordingReport())
    below = fold.y_train[:, np.newaxis] <= model.predict(fold.X_train)
    share = (below * weight[:, np.newaxis]).sum(axis=0) / weight.sum()
    np.testing.assert_allclose(share, PINBALL.quantiles, atol=0.02)


@pytest.mark.parametrize("limit", ["time_limit_s", "deadline"])
def test_without_time_it_still_predicts_quantiles_of_all_rows(limit):
    clock = CountedClock(look_s=0.01)
    value = 1e-6 if limit == "time_limit_s" else clock.now
    model, fold = fit(spread_table(), clock=clock, **{limit: value})
    assert clock.n_looks < 20  # some 40 with time enough
    prediction = model.predict(fold.X_valid)
    assert np.isfinite(prediction).all()
    assert (np.diff(prediction.mean(axis=0)) > 0).all()
