from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

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
from automl_plugins.lightgbm import family as lightgbm
from automl_plugins.lightgbm.family import LightGBM
from automl_plugins.lightgbm.training import learning_rate_of


class TestLightGBM(FamilyTestCase):
    family = LightGBM()


def fit(task: Task = Task.BINARY, **params: Any) -> tuple[Any, Any, RecordingReport]:
    family, table, report = LightGBM(), real_table(task, family=LightGBM()), RecordingReport()
    chosen = {**family.portfolio(table.problem())[0], **params}
    fold = table.fold(family.encoding(chosen, table.problem()))
    return family.fit(chosen, fold, table.context(), report), fold, report


def test_trials_on_one_fold_share_the_binned_data() -> None:
    family, table = LightGBM(), synthetic_table(Task.BINARY, family=LightGBM())
    fold = table.fold(family.encoding({}, table.problem()))
    kept = []
    for params in family.portfolio(table.problem()):
        family.fit(params, fold, table.context(), RecordingReport())
        kept.append(next(iter(fold.memo.values()))[0])
    assert len(fold.memo) == 1
    assert all(data is kept[0] for data in kept)


def test_a_trial_on_shared_data_gives_what_it_gives_on_fresh_data() -> None:
    family, table = LightGBM(), synthetic_table(Task.MULTICLASS, family=LightGBM())
    used, fresh = (table.fold(family.encoding({}, table.problem())) for _ in range(2))
    first, second, *_ = family.portfolio(table.problem())
    family.fit(first, used, table.context(), RecordingReport())
    after, alone = (
        family.fit(second, fold, table.context(), RecordingReport()) for fold in (used, fresh)
    )
    np.testing.assert_array_equal(after.predict(used.X_valid), alone.predict(used.X_valid))


@pytest.mark.parametrize("made", [synthetic_table, real_table])
@pytest.mark.parametrize("task", Task)
def test_data_that_another_worker_binned_gives_the_same_model(
    task: Task, made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, table = LightGBM(), made(task, family=LightGBM())
    params = family.portfolio(table.problem())[0]
    fold = table.fold(family.encoding(params, table.problem()))
    weight = np.linspace(0.5, 2.0, len(fold.y_train))
    fold = replace(fold, weight_train=weight, fold_cache_dir=tmp_path)
    first = family.fit(params, fold, table.context(), RecordingReport())
    unread = {"X_train": np.zeros_like(fold.X_train), "y_train": np.zeros_like(fold.y_train)}
    elsewhere = replace(fold, memo={}, **unread)
    second = family.fit(params, elsewhere, table.context(), RecordingReport())
    np.testing.assert_array_equal(second.predict(fold.X_valid), first.predict(fold.X_valid))
    assert [path.name.startswith("lightgbm-") for path in tmp_path.iterdir()] == [True]


def test_only_the_trees_up_to_the_best_round_are_kept() -> None:
    model, fold, _ = fit(learning_rate=0.1, num_leaves=31, min_data_in_leaf=1)
    (log,), metric = model.stages, real_table(Task.BINARY, family=LightGBM()).metric
    assert model.booster.num_trees() < round(log.stages[-1] / 0.1)
    score = metric.score(fold.y_valid, model.predict(fold.X_valid))
    assert score <= min(metric.score(fold.y_valid, seen) for seen in log.predictions) + 1e-6


def test_reports_are_the_score_of_their_round_and_not_the_best_so_far() -> None:
    _, _, report = fit(learning_rate=0.1, num_leaves=31, min_data_in_leaf=1)
    scores = [score for _, score in report.steps]
    assert scores[-1] > min(scores)


def test_absolute_error_is_minimised_where_it_is_the_metric() -> None:
    family, table = LightGBM(), synthetic_table(Task.REGRESSION, family=LightGBM())
    problem = replace(table.problem(), metric=replace(RMSE, optimum="median"))
    params = family.portfolio(problem)[0]
    fold = table.fold(family.encoding(params, problem))
    model = family.fit(params, fold, replace(table.context(), problem=problem), RecordingReport())
    assert "objective=regression_l1" in model.text


@pytest.mark.parametrize("limit", ["time_limit_s", "deadline"])
def test_it_stops_by_itself_when_its_time_is_over(limit: str) -> None:
    """Before the deadline, where it would be killed; about when its share is used up."""
    family, table = LightGBM(), synthetic_table(Task.MULTICLASS, family=LightGBM())
    params = {**family.portfolio(table.problem())[0], "learning_rate": 1e-5}  # never at its best
    fold = table.fold(family.encoding(params, table.problem()))
    problem = replace(table, settings={"max_rounds": 10**9}).problem()
    clock = CountedClock(look_s=0.01)
    value = 2.0 if limit == "time_limit_s" else clock.now + 2.0
    context = replace(table.context(clock=clock), problem=problem, **{limit: value})
    model = family.fit(params, fold, context, RecordingReport())
    assert 100 < clock.n_looks <= 200
    assert model.predict(fold.X_valid).shape == (len(fold.y_valid), table.n_classes)


def test_each_quantile_has_a_booster_with_its_own_objective() -> None:
    family, table = LightGBM(), synthetic_table(Task.QUANTILE, family=LightGBM())
    params = family.portfolio(table.problem())[0]
    fold = table.fold(family.encoding(params, table.problem()))
    model = family.fit(params, fold, table.context(), RecordingReport())
    assert len(model.models) == len(table.metric.quantiles)
    for one, level in zip(model.models, table.metric.quantiles, strict=True):
        assert "objective=quantile" in one.text
        assert f"[alpha: {level:g}]" in one.text


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_some_trees_at_a_time_predict_what_all_at_once_do(task: Task) -> None:
    family, table = LightGBM(), real_table(task, family=LightGBM())
    params = family.portfolio(table.problem())[0]
    fold = table.fold(family.encoding(params, table.problem()))
    model = family.fit(params, fold, table.context(), RecordingReport())
    X = np.tile(np.asarray(fold.X_valid), (20, 1))
    assert len(X) > lightgbm.FEW_ROWS
    assert model.booster.num_trees() > lightgbm.TREES_AT_ONCE
    expected = model.booster.predict(X)
    if task is Task.BINARY:
        expected = np.column_stack((1 - expected, expected))
    np.testing.assert_allclose(model.predict(X), expected, rtol=0, atol=1e-10 * abs(expected).max())


def test_the_learning_rate_of_a_model_is_that_of_its_trees() -> None:
    head = "objective=binary\nlearning_rate=0.3\n"
    assert learning_rate_of(head + "shrinkage=0.02\nshrinkage=0.02\nshrinkage=0.08\n") == (
        pytest.approx(0.04)
    )
    assert learning_rate_of(head + "shrinkage=1\nshrinkage=0.05\n") == pytest.approx(0.05)
    assert learning_rate_of(head + "shrinkage=1\n") == 1
