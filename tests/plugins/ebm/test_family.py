from __future__ import annotations

import sys
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

pytest.importorskip("interpret")

from automl_plugins.ebm.family import EBM


class TestEBM(FamilyTestCase):
    family = EBM()
    # the best of 80 rounds by the rows that are scored is .041 AUC above chance on these tables
    noise_seeds = 4
    noise_settings: ClassVar = {"max_rounds": 80}


def fit(table: TestTable, weight: Any = None, **params: Any) -> tuple[Any, Any, RecordingReport]:
    family, report = EBM(), RecordingReport()
    chosen = {**family.portfolio(table.problem())[0], **params}
    fold = table.fold(family.encoding(chosen, table.problem()), weight=weight)
    return family.fit(chosen, fold, table.context(), report), fold, report


def crossed_table(n_rows: int = 1200) -> TestTable:
    """Two classes that only a number and a category together tell apart."""
    random = np.random.default_rng(0)
    numeric = random.normal(size=(n_rows, 2))
    codes = random.integers(0, 4, size=(n_rows, 1))
    y = ((numeric[:, 1] > 0.5) == (codes[:, 0] >= 2)).astype(np.int64)
    return TestTable(Task.BINARY, numeric, codes, y, 2, family=EBM())


def test_pairs_are_found_where_single_columns_tell_nothing() -> None:
    table = crossed_table()
    model, fold, _ = fit(table)
    alone, _, _ = fit(table, interactions=0.0)
    assert (1, 2) in model.terms
    assert all(len(term) == 1 for term in alone.terms)
    with_pairs, without = (
        table.metric.score(fold.y_valid, m.predict(fold.X_valid)) for m in (model, alone)
    )
    assert with_pairs < 0.1 < 0.5 < without


@pytest.mark.parametrize("task", [t for t in Task if t in EBM.tasks])
def test_the_model_is_that_of_the_round_with_the_best_score(task: Task) -> None:
    table = real_table(task, family=EBM())
    model, fold, _ = fit(table)
    (log,), metric = model.stages, table.metric
    loss = metric.loss(metric.score(fold.y_valid, model.predict(fold.X_valid)))
    logged = [metric.loss(metric.score(fold.y_valid, seen)) for seen in log.predictions]
    assert loss <= min(logged) + 1e-6


def test_the_targets_of_validation_rows_have_no_part_in_the_first_stage() -> None:
    table = crossed_table(400)
    model, fold, _ = fit(table, interactions=0.0)
    family, params = EBM(), {**EBM().portfolio(table.problem())[0], "interactions": 0.0}
    turned = replace(fold, y_valid=1 - fold.y_valid, memo={})
    other = family.fit(params, turned, table.context(), RecordingReport())
    assert model.stages == other.stages == ()
    np.testing.assert_array_equal(model.predict(fold.X_valid), other.predict(fold.X_valid))


def test_trials_on_one_fold_share_the_binned_data_and_nothing_else() -> None:
    family, table = EBM(), synthetic_table(Task.MULTICLASS, family=EBM())
    used, fresh = (table.fold(family.encoding({}, table.problem())) for _ in range(2))
    first, second, *_ = family.portfolio(table.problem())
    family.fit(first, used, table.context(), RecordingReport())
    (kept,) = used.memo.values()
    after, alone = (
        family.fit(second, fold, table.context(), RecordingReport()) for fold in (used, fresh)
    )
    assert list(used.memo.values()) == [kept]
    np.testing.assert_array_equal(after.predict(used.X_valid), alone.predict(used.X_valid))


def test_rows_that_weigh_more_are_followed() -> None:
    table = synthetic_table(Task.BINARY, family=EBM())
    table = replace(table, y=np.arange(len(table.y)) // 4 % 2)  # half of each part, and no pattern
    even, fold, _ = fit(table)
    uneven, _, _ = fit(table, weight=np.where(table.y == 1, 3.0, 1.0))
    assert even.predict(fold.X_valid)[:, 1].mean() == pytest.approx(1 / 2, abs=0.05)
    assert uneven.predict(fold.X_valid)[:, 1].mean() == pytest.approx(3 / 4, abs=0.05)


def test_a_saved_model_predicts_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fold, _ = fit(synthetic_table(Task.MULTICLASS, family=EBM()))
    EBM().save(model, tmp_path)
    expected = model.predict(fold.X_valid)
    for name in [name for name in sys.modules if name.split(".")[0] == "interpret"]:
        monkeypatch.setitem(sys.modules, name, None)
    np.testing.assert_array_equal(EBM().load(tmp_path).predict(fold.X_valid), expected)


def test_values_that_training_did_not_have_are_predicted() -> None:
    model, fold, _ = fit(synthetic_table(Task.REGRESSION, family=EBM()))
    rows = np.full((3, fold.X_valid.shape[1]), np.nan, dtype=np.float32)
    rows[:, 3] = 0  # the code of a missing or unseen category
    rows[1, :3], rows[2, :3] = -1e30, 1e30
    assert np.isfinite(model.predict(rows)).all()


@pytest.mark.parametrize("limit", ["time_limit_s", "deadline"])
def test_it_stops_by_itself_when_its_time_is_over(limit: str) -> None:
    """Before the deadline, where it would be killed; about when its share is used up."""
    table = replace(synthetic_table(Task.MULTICLASS, family=EBM()), settings={"max_rounds": 10**9})
    family = EBM()
    params = {**family.portfolio(table.problem())[0], "learning_rate": 1e-5}  # never at its best
    fold = table.fold(family.encoding(params, table.problem()))
    clock = CountedClock(look_s=0.01)
    value = 2.0 if limit == "time_limit_s" else clock.now + 2.0
    context = table.context(clock=clock, **{limit: value})
    model = family.fit(params, fold, context, RecordingReport())
    assert 100 < clock.n_looks <= 200
    assert {len(term) for term in model.terms} == {1, 2}  # both stages had their time
