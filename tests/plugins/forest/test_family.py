from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import (
    CountedClock,
    FamilyTestCase,
    RecordingReport,
    TestTable,
    real_table,
    synthetic_table,
)
from automl.testing.tables import mixed_table
from automl_plugins.forest.family import Forest


class TestForest(FamilyTestCase):
    family = Forest()
    settings: ClassVar = {"trees": 60}


def fit(table: TestTable, kind: str = "random", **slot: Any) -> tuple[Any, Any]:
    family = Forest()
    params = {**family.portfolio(table.problem())[0], "kind": kind}
    none = np.zeros(len(table.y), dtype=bool)
    fold = table.fold(family.encoding(params, table.problem()), valid=none)
    return family.fit(params, fold, table.context(**slot), RecordingReport()), fold


@pytest.mark.parametrize("kind", ["random", "extra"])
def test_out_of_bag_predictions_know_nothing_of_their_own_labels(kind: str) -> None:
    table = synthetic_table(Task.BINARY, family=Forest(), settings={"trees": 50})
    coin = np.random.default_rng(0).integers(2, size=len(table.y))
    model, fold = fit(replace(table, y=coin), kind)
    inside = (model.predict(fold.X_train).argmax(axis=1) == coin).mean()
    outside = (model.out_of_bag_prediction().argmax(axis=1) == coin).mean()
    assert inside > 0.95
    assert outside < 0.65


def test_rows_that_every_tree_saw_have_no_out_of_bag_prediction() -> None:
    model, _ = fit(synthetic_table(Task.REGRESSION, family=Forest(), settings={"trees": 1}))
    unbagged = model.out_of_bag_prediction()
    assert 0.5 < np.isnan(unbagged).mean() < 0.75  # a bootstrap sample has 63 % of the rows


def test_a_loaded_forest_says_that_it_has_no_out_of_bag_predictions(tmp_path: Path) -> None:
    model, _ = fit(synthetic_table(Task.BINARY, family=Forest(), settings={"trees": 3}))
    Forest().save(model, tmp_path)
    with pytest.raises(RuntimeError, match="right after the fit"):
        Forest().load(tmp_path).out_of_bag_prediction()


def test_short_of_time_it_grows_fewer_trees() -> None:
    table = real_table(Task.BINARY, family=Forest(), settings={"trees": 100_000})
    clock = CountedClock(look_s=0.01)
    model, _ = fit(table, time_limit_s=2.0, clock=clock)
    assert 20 < len(model.trees) < 100  # it looks a few times a tree
    assert 100 < clock.n_looks <= 210


def test_the_number_of_threads_changes_nothing() -> None:
    table = synthetic_table(Task.MULTICLASS, family=Forest(), settings={"trees": 12})
    one, fold = fit(table, n_threads=1)
    two, _ = fit(table, n_threads=2)
    np.testing.assert_array_equal(one.predict(fold.X_train), two.predict(fold.X_train))
    np.testing.assert_array_equal(one.out_of_bag_prediction(), two.out_of_bag_prediction())


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_in_leaves_of_several_rows_weight_and_repetition_come_to_the_same(task):
    """In a leaf of one row a weight can only count through how often the row is drawn."""
    family, table = Forest(), mixed_table(task, family=Forest(), n_rows=800, settings={"trees": 60})
    params = {**family.portfolio(table.problem())[0], "min_samples_leaf": 40}
    times, valid = np.where(np.arange(800) % 2 == 1, 3, 1), np.arange(800) % 8 >= 6
    encoding = family.encoding(params, table.problem())
    weighted, repeated = (
        family.fit(params, fold, table.context(), RecordingReport())
        .predict(fold.X_valid[: valid.sum()])
        .mean(axis=0)
        for fold in (
            table.fold(encoding, valid, weight=times.astype(np.float64)),
            table.fold(encoding, valid, times=times),
        )
    )
    scale = 4.0 if task is not Task.BINARY else 1.0  # between the two populations
    np.testing.assert_allclose(weighted, repeated, atol=0.08 * scale)


def test_a_heavy_row_is_left_out_of_enough_trees_to_be_predicted():
    family, table = (
        Forest(),
        synthetic_table(Task.REGRESSION, family=Forest(), settings={"trees": 60}),
    )
    weight = np.ones(len(table.y))
    weight[0] = 100.0
    encoding = family.encoding({}, table.problem())
    fold = table.fold(encoding, np.zeros(len(table.y), dtype=bool), weight=weight)
    params = family.portfolio(table.problem())[0]
    model = family.fit(params, fold, table.context(), RecordingReport())
    assert np.isfinite(model.out_of_bag_prediction()).all()
