from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from automl.plugin import Task
from automl.testing import RMSE, FamilyTestCase, RecordingReport, synthetic_table
from automl_plugins.baseline import Baseline


class TestBaseline(FamilyTestCase):
    family = Baseline()
    exact_weights = True
    expected_failures: ClassVar = {
        "test_it_beats_the_prior": "it is the prior",
        "test_a_copy_of_the_target_is_found": "it is the prior",
    }


def test_it_predicts_the_weighted_median_for_absolute_error() -> None:
    table = synthetic_table(Task.REGRESSION, n_rows=4)
    mae = replace(RMSE, name="mae", optimum="median")
    family = Baseline()
    fold = replace(
        table.fold(family.encoding({}, table.problem()), valid=np.zeros(4, dtype=bool)),
        y_train=np.array([0.0, 1.0, 2.0, 100.0]),
        weight_train=np.array([1.0, 1.0, 9.0, 1.0]),
    )
    context = replace(table.context(), problem=replace(table.problem(), metric=mae))
    model = family.fit({}, fold, context, RecordingReport())
    assert model.predict(fold.X_train).tolist() == [2.0] * 4


def test_no_class_is_impossible() -> None:
    table = synthetic_table(Task.BINARY)
    family = Baseline()
    fold = table.fold(family.encoding({}, table.problem()), valid=table.y == 1)
    model = family.fit({}, fold, table.context(), RecordingReport())
    assert model.predict(fold.X_valid)[0, 1] > 0
