from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import FamilyTestCase, RecordingReport, TestTable, synthetic_table
from automl_plugins.svm import family as svm
from automl_plugins.svm.family import SVM, exact_fit_s
from automl_plugins.svm.training import n_components


class TestSVM(FamilyTestCase):
    family = SVM()


class TestApproximateSVM(FamilyTestCase):
    family = SVM()
    settings: ClassVar = {"solver": "approximate"}


def fit(table: TestTable, **slot: Any) -> Any:
    family = SVM()
    params = family.portfolio(table.problem())[0]
    fold = table.fold(family.encoding(params, table.problem()))
    return family.fit(params, fold, table.context(**slot), RecordingReport())


def test_few_rows_are_fitted_exactly() -> None:
    assert fit(synthetic_table(Task.BINARY, family=SVM())).is_exact


@pytest.mark.parametrize("task", sorted(SVM.tasks))
def test_many_rows_are_fitted_approximately(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "EXACT_ROWS", 100)
    model = fit(synthetic_table(task, family=SVM()))
    assert not model.is_exact
    assert len(model.machine.components_) <= 180


def test_the_cost_of_an_epoch_stays_linear_in_the_rows() -> None:
    # An epoch evaluates rows x components kernel values: components must not grow with the rows.
    assert n_components(100) == 100
    assert all(n_components(n) <= 1_000 for n in (10_001, 20_000))
    assert {n_components(n) for n in (20_001, 10**6, 10**9)} == {500}


def test_an_exact_fit_that_would_not_end_in_time_is_not_begun() -> None:
    assert exact_fit_s(10_000, 30, 2) == pytest.approx(4 * exact_fit_s(5_000, 30, 2))
    assert not fit(synthetic_table(Task.BINARY, family=SVM()), time_limit_s=1e-6).is_exact


@pytest.mark.parametrize("solver", ["exact", "approximate"])
def test_a_class_with_a_single_row_is_kept(solver: str) -> None:
    table = synthetic_table(Task.MULTICLASS, family=SVM(), settings={"solver": solver})
    y = np.where(table.y == 3, 2, table.y)
    y[0] = 3
    model = fit(replace(table, y=y))
    assert model.calibration.classes.tolist() == [0, 1, 2, 3]


def test_probabilities_are_calibrated_on_rows_it_did_not_see() -> None:
    table = synthetic_table(Task.BINARY, family=SVM(), n_rows=600)
    coin = np.random.default_rng(0).integers(2, size=len(table.y))
    table = replace(table, y=coin)
    model = fit(table)
    X, _ = table.encode(SVM().encoding({"scaling": "quantile"}, table.problem()))
    assert abs(model.predict(X)[:, 1] - 0.5).mean() < 0.2  # nothing can be known of a coin
