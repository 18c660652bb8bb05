from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import FamilyTestCase, RecordingReport, TestTable, made_table, real_table
from automl_plugins.forest import Forest


class TestForest(FamilyTestCase):
    family = Forest()
    settings: ClassVar = {"trees": 60}


def fit(table: TestTable, kind: str = "random", **slot: Any) -> tuple[Any, Any]:
    family = Forest()
    params = {**family.portfolio(table.shape())[0], "kind": kind}
    none = np.zeros(len(table.y), dtype=bool)
    fold = table.fold(family.view(params, table.shape()), valid=none)
    return family.fit(params, fold, table.context(**slot), RecordingReport()), fold


@pytest.mark.parametrize("kind", ["random", "extra"])
def test_out_of_bag_predictions_know_nothing_of_their_own_labels(kind: str) -> None:
    table = made_table(Task.BINARY, settings={"trees": 50})
    coin = np.random.default_rng(0).integers(2, size=len(table.y))
    model, fold = fit(replace(table, y=coin), kind)
    inside = (model.predict(fold.X_train).argmax(axis=1) == coin).mean()
    outside = (model.out_of_bag_prediction().argmax(axis=1) == coin).mean()
    assert inside > 0.95
    assert outside < 0.65


def test_rows_that_every_tree_saw_have_no_out_of_bag_prediction() -> None:
    model, _ = fit(made_table(Task.REGRESSION, settings={"trees": 1}))
    unbagged = model.out_of_bag_prediction()
    assert 0.5 < np.isnan(unbagged).mean() < 0.75  # a bootstrap sample has 63 % of the rows


def test_a_loaded_forest_says_that_it_has_no_out_of_bag_predictions(tmp_path: Path) -> None:
    model, _ = fit(made_table(Task.BINARY, settings={"trees": 3}))
    Forest().save(model, tmp_path)
    with pytest.raises(RuntimeError, match="freshly fitted"):
        Forest().load(tmp_path).out_of_bag_prediction()


def test_short_of_time_it_grows_fewer_trees() -> None:
    model, _ = fit(real_table(Task.BINARY, settings={"trees": 100_000}), time_limit_s=0.3)
    assert 1 <= len(model.trees) < 100_000


def test_the_number_of_threads_changes_nothing() -> None:
    table = made_table(Task.MULTICLASS, settings={"trees": 12})
    one, fold = fit(table, n_threads=1)
    two, _ = fit(table, n_threads=2)
    np.testing.assert_array_equal(one.predict(fold.X_train), two.predict(fold.X_train))
    np.testing.assert_array_equal(one.out_of_bag_prediction(), two.out_of_bag_prediction())
