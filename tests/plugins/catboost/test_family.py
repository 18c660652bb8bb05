from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from automl.metrics import get_metric
from automl.plugin import Task
from automl.testing import (
    CountedClock,
    FamilyTestCase,
    RecordingReport,
    real_table,
    synthetic_table,
)

pytest.importorskip("catboost")

from automl_plugins.catboost.family import CatBoost
from automl_plugins.xgboost.family import XGBoost


class TestCatBoost(FamilyTestCase):
    family = CatBoost()
    settings: ClassVar = {"max_rounds": 120}
    noise_settings: ClassVar = {"max_rounds": 60}


def fit(
    task: Task, grow_policy: str = "SymmetricTree", **context: Any
) -> tuple[Any, Any, RecordingReport]:
    family, table, report = CatBoost(), real_table(task, family=CatBoost()), RecordingReport()
    params = {**family.portfolio(table.problem())[0], "grow_policy": grow_policy}
    fold = table.fold(family.encoding(params, table.problem()))
    return family.fit(params, fold, replace(table.context(), **context), report), fold, report


fit_without_limit = functools.cache(fit)  # several tests read the same models


@pytest.mark.parametrize("grow_policy", ["SymmetricTree", "Depthwise"])
@pytest.mark.parametrize("task", Task)
def test_the_model_is_cut_at_the_round_with_the_best_score(task: Task, grow_policy: str) -> None:
    model, fold, report = fit_without_limit(task, grow_policy)
    (log,), metric = model.stages, real_table(task, family=CatBoost()).metric
    loss = metric.loss(metric.score(fold.y_valid, model.predict(fold.X_valid)))
    logged = [metric.loss(metric.score(fold.y_valid, seen)) for seen in log.predictions]
    assert loss <= min(logged) + 1e-6
    assert loss <= min(metric.loss(score) for _, score in report.steps) + 1e-6


@pytest.mark.parametrize("grow_policy", ["SymmetricTree", "Depthwise"])
@pytest.mark.parametrize("task", Task)
def test_a_logged_stage_is_what_so_many_rounds_predict(task: Task, grow_policy: str) -> None:
    model, fold, _ = fit_without_limit(task, grow_policy)
    (log,), rate = model.stages, model.booster.get_all_params()["learning_rate"]
    n_rounds = model.n_rounds or model.booster.tree_count_
    for stage, seen in zip(log.stages, log.predictions, strict=True):
        if round(stage / rate) <= n_rounds:
            cut = replace(model, n_rounds=round(stage / rate))
            np.testing.assert_allclose(cut.predict(fold.X_valid), seen, rtol=1e-5, atol=1e-6)


def test_trials_on_one_fold_share_the_pools() -> None:
    family, table = CatBoost(), synthetic_table(Task.BINARY, family=CatBoost())
    fold = table.fold(family.encoding({}, table.problem()))
    kept = []
    for params in family.portfolio(table.problem())[:2]:
        family.fit(params, fold, table.context(), RecordingReport())
        kept.append(fold.memo["catboost-254"])
    assert kept[0] is kept[1]


@pytest.mark.parametrize("task", Task)
def test_quantising_the_rows_beforehand_changes_nothing(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, table = CatBoost(), synthetic_table(task, family=CatBoost())
    params = {**family.portfolio(table.problem())[0], "learning_rate": 0.3}
    predictions = []
    for _ in range(2):
        fold = table.fold(family.encoding(params, table.problem()))
        model = family.fit(params, fold, table.context(), RecordingReport())
        predictions.append(model.predict(fold.X_valid))
        monkeypatch.setattr("catboost.Pool.quantize", lambda *_, **__: None)
    np.testing.assert_array_equal(*predictions)


def test_where_the_rounds_do_not_fit_it_starts_again_with_a_higher_learning_rate() -> None:
    slow, _, _ = fit_without_limit(Task.REGRESSION, "SymmetricTree")
    fast, _, report = fit(Task.REGRESSION, time_limit_s=10.0, clock=CountedClock(look_s=0.01))
    rates = [m.booster.get_all_params()["learning_rate"] for m in (slow, fast)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[1] > 0.1
    steps = [step for step, _ in report.steps]
    assert steps == sorted(set(steps))


def test_metrics_that_it_does_not_know_leave_stopping_to_the_loss() -> None:
    table = real_table(Task.REGRESSION, family=CatBoost())
    family, report = CatBoost(), RecordingReport()
    problem = replace(table.problem(), metric=replace(table.metric, name="my_metric"))
    params = family.portfolio(problem)[0]
    fold = table.fold(family.encoding(params, problem))
    model = family.fit(params, fold, replace(table.context(), problem=problem), report)
    assert model.booster.tree_count_ > 10
    assert report.steps == []
    assert np.isfinite(model.predict(fold.X_valid)).all()


def test_rows_are_weighed_in_what_ends_boosting() -> None:
    """CatBoost's own area under the curve leaves weights out unless it is told not to."""
    pytest.importorskip("catboost")
    family, table = CatBoost(), real_table(Task.BINARY, family=CatBoost())
    area = get_metric("roc_auc", Task.BINARY)
    problem = replace(replace(table, settings={"max_rounds": 10}).problem(), metric=area)
    params = family.portfolio(problem)[0]
    weight = np.random.default_rng(0).uniform(0.01, 5.0, len(table.y))
    fold = table.fold(family.encoding(params, problem), weight=weight)
    report = RecordingReport()
    model = family.fit(params, fold, replace(table.context(), problem=problem), report)
    last = model.stages[0].predictions[-1]
    score = area.score(fold.y_valid, last, fold.weight_valid)
    assert report.steps[-1] == (10, pytest.approx(score, abs=1e-6))
    assert score != pytest.approx(area.score(fold.y_valid, last), abs=1e-4)


def test_where_rows_are_many_faster_boosters_go_first() -> None:
    problem = synthetic_table(Task.BINARY, family=CatBoost()).problem()
    assert CatBoost().priority_for(problem) == CatBoost.priority
    assert CatBoost().priority_for(replace(problem, n_rows=50_000)) < XGBoost.priority
