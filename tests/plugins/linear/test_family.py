from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import FamilyTestCase, RecordingReport, TestTable, real_table
from automl_plugins.linear import training as _linear_training
from automl_plugins.linear.family import Linear


class TestLinear(FamilyTestCase):
    family = Linear()
    exact_weights = True


class TestLinearByGradientDescent(FamilyTestCase):
    family = Linear()
    settings: ClassVar = {"solver": "sgd"}


def fit(table: TestTable, **params: Any) -> tuple[Any, Any, RecordingReport]:
    family, report = Linear(), RecordingReport()
    chosen = {**family.portfolio(table.problem())[0], "scaling": "standard", **params}
    fold = table.fold(family.encoding(chosen, table.problem()))
    return family.fit(chosen, fold, table.context(), report), fold, report


@pytest.mark.parametrize("task", list(Task))
def test_both_solvers_agree(task: Task) -> None:
    scores = []
    for solver in ("exact", "sgd"):
        model, fold, _ = fit(real_table(task, family=Linear(), settings={"solver": solver}))
        scores.append(real_table(task).metric.score(fold.y_valid, model.predict(fold.X_valid)))
    assert scores[1] == pytest.approx(scores[0], rel=0.1, abs=0.15)


def test_large_data_goes_to_gradient_descent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fit(real_table(Task.BINARY, family=Linear()))[2].steps == []
    monkeypatch.setattr(_linear_training, "EXACT_WORK", 1_000)
    assert fit(real_table(Task.BINARY, family=Linear()))[2].steps != []


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_an_l1_part_drops_features(l1_ratio: float) -> None:
    model, _, _ = fit(real_table(Task.REGRESSION, family=Linear()), C=0.05, l1_ratio=l1_ratio)
    assert (model.coef == 0).any()


def test_values_stay_near_the_range_of_the_target() -> None:
    model, fold, _ = fit(real_table(Task.REGRESSION, family=Linear()))
    low, high = fold.y_train.min(), fold.y_train.max()
    wild = np.full_like(fold.X_valid, 1e6)
    assert model.predict(wild).max() <= high + 0.1 * (high - low) + 1e-9


def test_it_needs_no_validation_rows_to_solve_exactly() -> None:
    table = real_table(Task.MULTICLASS, family=Linear())
    model, fold, _ = fit(replace(table, settings={"solver": "exact"}))
    assert model.predict(fold.X_valid[:0]).shape == (0, 3)
