from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from typing import Any, ClassVar

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import (
    RMSE,
    CountedClock,
    FamilyTestCase,
    RecordingReport,
    real_table,
    synthetic_table,
)

pytest.importorskip("xgboost")

from automl_plugins.xgboost import family as xgboost
from automl_plugins.xgboost.family import XGBoost


class TestXGBoost(FamilyTestCase):
    family = XGBoost()
    settings: ClassVar = {"max_rounds": 120}


def fit(task: Task, made: Any = real_table, **params: Any) -> tuple[Any, Any, RecordingReport]:
    family, table, report = XGBoost(), made(task, family=XGBoost()), RecordingReport()
    chosen = {**family.portfolio(table.problem())[0], **params}
    fold = table.fold(family.encoding(chosen, table.problem()))
    return family.fit(chosen, fold, table.context(), report), fold, report


@pytest.mark.parametrize("task", [t for t in Task if t in XGBoost.tasks])
def test_the_model_is_cut_at_the_round_with_the_best_score(task: Task) -> None:
    model, fold, report = fit(task)
    metric = real_table(task, family=XGBoost()).metric
    (log,) = model.stages
    loss = metric.loss(metric.score(fold.y_valid, model.predict(fold.X_valid)))
    logged = [metric.loss(metric.score(fold.y_valid, seen)) for seen in log.predictions]
    assert loss <= min(logged) + 1e-6
    assert loss <= min(metric.loss(score) for _, score in report.steps) + 1e-6


def test_trials_on_one_fold_share_the_binned_data_and_nothing_else() -> None:
    family, table = XGBoost(), synthetic_table(Task.MULTICLASS, family=XGBoost())
    used, fresh = (table.fold(family.encoding({}, table.problem())) for _ in range(2))
    first, second, *_ = family.portfolio(table.problem())
    family.fit(first, used, table.context(), RecordingReport())
    (kept,) = used.memo.values()
    after, alone = (
        family.fit(second, fold, table.context(), RecordingReport()) for fold in (used, fresh)
    )
    assert list(used.memo.values()) == [kept]
    np.testing.assert_array_equal(after.predict(used.X_valid), alone.predict(used.X_valid))


def test_categories_are_split_as_sets() -> None:
    model, _, _ = fit(Task.REGRESSION, synthetic_table)
    assert model.booster.feature_types == ["q", "q", "q", "c"]
    assert ":{" in "".join(model.booster.get_dump())


def test_values_that_training_did_not_have_are_predicted() -> None:
    model, fold, _ = fit(Task.MULTICLASS, synthetic_table)
    rows = np.full((3, fold.X_valid.shape[1]), np.nan, dtype=np.float32)
    rows[0, 3], rows[1, 3] = 0, 1_000  # a code that is rare, and one that there was not
    np.testing.assert_allclose(model.predict(rows).sum(axis=1), 1.0, atol=1e-6)


def test_any_number_of_threads_predicts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fold, _ = fit(Task.BINARY)
    alone = model.predict(fold.X_valid)
    monkeypatch.setattr(xgboost, "threads_to_predict", lambda *_: 2)
    together = replace(model, n_threads=2).predict(fold.X_valid)
    np.testing.assert_array_equal(together, alone)
    assert '"nthread":"1"' in model.booster.save_config().replace(" ", "")


def test_where_time_is_short_the_learning_rate_rises() -> None:
    family, table = XGBoost(), real_table(Task.REGRESSION, family=XGBoost())
    params = {**family.portfolio(table.problem())[0], "learning_rate": 1e-4}
    slot = table.context(time_limit_s=20.0, clock=CountedClock(look_s=0.01))
    fold = table.fold(family.encoding(params, table.problem()))
    model = family.fit(params, fold, slot, RecordingReport())
    slow = np.sqrt(np.mean((fold.y_valid - fold.y_train.mean()) ** 2))
    assert RMSE.score(fold.y_valid, model.predict(fold.X_valid)) < 0.95 * slow


def test_absolute_error_is_minimised_where_the_median_is_the_best_constant() -> None:
    family, table = XGBoost(), synthetic_table(Task.REGRESSION, family=XGBoost())
    problem = replace(table.problem(), metric=replace(RMSE, optimum="median"))
    fold = table.fold(family.encoding({}, problem))
    context = replace(table.context(), problem=problem)
    model = family.fit(family.portfolio(problem)[0], fold, context, RecordingReport())
    assert "reg:absoluteerror" in model.booster.save_config()


@pytest.mark.parametrize("limit", ["time_limit_s", "deadline"])
def test_it_stops_by_itself_when_its_time_is_over(limit: str) -> None:
    """Before the deadline, where it would be killed; about when its share is used up."""
    family, table = XGBoost(), synthetic_table(Task.MULTICLASS, family=XGBoost())
    params = {**family.portfolio(table.problem())[0], "learning_rate": 1e-5}  # never at its best
    fold = table.fold(family.encoding(params, table.problem()))
    problem = replace(table, settings={"max_rounds": 10**9}).problem()
    clock = CountedClock(look_s=0.01)
    value = 2.0 if limit == "time_limit_s" else clock.now + 2.0
    context = replace(table.context(clock=clock), problem=problem, **{limit: value})
    model = family.fit(params, fold, context, RecordingReport())
    assert 100 < clock.n_looks <= 200
    assert model.predict(fold.X_valid).shape == (len(fold.y_valid), table.n_classes)


@pytest.mark.parametrize(("n_gpus", "n_rows"), [(0, 10**6), (1, 10_000)])
def test_gpus_are_for_many_rows(n_gpus: int, n_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xgboost, "version", lambda distribution: "3.0")
    problem = synthetic_table(Task.BINARY, family=XGBoost()).problem()
    assert XGBoost().resources(replace(problem, n_gpus=n_gpus, n_rows=n_rows)).n_gpus == 0
    assert XGBoost().resources(replace(problem, n_gpus=1, n_rows=10**6)).n_gpus > 0


def test_a_distribution_without_cuda_asks_for_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(distribution: str) -> str:
        raise PackageNotFoundError(distribution)

    monkeypatch.setattr(xgboost, "version", missing)
    problem = replace(
        synthetic_table(Task.BINARY, family=XGBoost()).problem(), n_gpus=1, n_rows=10**6
    )
    assert XGBoost().resources(problem).n_gpus == 0
