"""Constraints on columns that a user names: they are in the fitted and in the refitted model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from automl.metrics import CATALOG
from automl.plugin import Features, Metric, ModelFamily, Task
from automl.testing import RecordingReport, mixed_table, synthetic_table
from automl_plugins.catboost.family import CatBoost
from automl_plugins.common.constraints import groups_of_positions, values_by_position
from automl_plugins.lightgbm.family import LightGBM
from automl_plugins.xgboost.family import XGBoost

FEATURES = Features(
    ("c2", "c0", "c1_hour", "c1_day", "c0_div_c2"), sources=("c2", "c0", "c1", "c1", "")
)
COLUMNS = {"age": "c0", "when": "c1", "height": "c2"}


def shape_with(**fixed: Any) -> Any:
    problem = synthetic_table(Task.REGRESSION).problem()
    return replace(problem, columns=COLUMNS, settings={"fixed": fixed})


def test_a_value_goes_to_the_encoded_columns_of_its_column() -> None:
    assert values_by_position({"age": 1}, FEATURES, shape_with(), 0) == [0, 1, 0, 0, 0]
    assert values_by_position({"when": 2.0}, FEATURES, shape_with(), 1.0) == [1, 1, 2, 2, 1]


def test_columns_that_no_group_names_are_a_group_of_their_own() -> None:
    groups = groups_of_positions([["age", "when"]], FEATURES, shape_with())
    assert groups == [[1, 2, 3], [0, 4]]


def fits(family: ModelFamily, fixed: dict[str, Any], metric: Any = None) -> tuple[Any, list[Any]]:
    """Rows that validate, and the fitted and the refitted model of a curved target."""
    table = mixed_table(Task.REGRESSION, family=family)
    first, second = table.numeric[:, 0], table.numeric[:, 1]
    y = np.sin(3 * first) + first * second
    table = replace(table, y=y, settings={"fixed": fixed, "max_rounds": 200})
    chosen = {**family.portfolio(table.problem())[0], **fixed}
    fold = table.fold(family.encoding(chosen, table.problem()))
    context = table.context()
    if metric:
        context = replace(context, problem=replace(context.problem, metric=metric))
    model = family.fit(chosen, fold, context, RecordingReport())
    every = replace(fold, X_valid=fold.X_valid[:0], y_valid=fold.y_valid[:0])
    return np.asarray(fold.X_valid), [model, family.refit(chosen, every, context, [model])]


def along(rows: Any, model: Any, column: int) -> Any:
    """Predictions of rows that differ in one column alone, ``(n_rows, 60)``."""
    values = np.linspace(-3, 3, 60)
    many = np.repeat(rows[:20], len(values), axis=0)
    many[:, column] = np.tile(values, 20)
    return model.predict(many).reshape(20, len(values))


BOOSTERS = pytest.mark.parametrize(
    "family", [LightGBM(), XGBoost(), CatBoost()], ids=lambda f: f.name
)


@BOOSTERS
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("metric", [None, CATALOG["mae"]])
def test_predictions_are_monotone_where_the_user_asks_for_it(
    family: ModelFamily, sign: int, metric: Metric | None
) -> None:
    rows, models = fits(family, {"monotone_constraints": {"c0": sign}}, metric)
    for model in models:
        steps = sign * np.diff(along(rows, model, 0), axis=1)
        assert steps.min() >= 0
        assert steps.max() > 0
        others = np.diff(along(rows, model, 1), axis=1)
        assert others.min() < 0 < others.max()


@BOOSTERS
def test_without_a_constraint_they_are_not(family: ModelFamily) -> None:
    rows, models = fits(family, {})
    for model in models:
        steps = np.diff(along(rows, model, 0), axis=1)
        assert steps.min() < 0 < steps.max()


@pytest.mark.parametrize("family", [LightGBM(), XGBoost()], ids=lambda f: f.name)
@pytest.mark.parametrize("apart", [False, True])
def test_columns_of_two_groups_do_not_interact(family: ModelFamily, apart: bool) -> None:
    groups = [["c0"], ["c1"]] if apart else [["c0", "c1"]]
    rows, models = fits(family, {"interaction_constraints": groups})
    for model in models:
        values = np.linspace(-2, 2, 5)
        grid = np.repeat(rows[:1], 25, axis=0)
        grid[:, 0], grid[:, 1] = np.repeat(values, 5), np.tile(values, 5)
        effect = model.predict(grid).reshape(5, 5)
        mixed = effect - effect[:1] - effect[:, :1] + effect[0, 0]
        assert bool(np.abs(mixed).max() < 1e-5) is apart


def test_columns_made_of_several_are_left_out_under_a_constraint() -> None:
    family = LightGBM()
    table = synthetic_table(Task.REGRESSION)
    assert any(entry["generated"] != "none" for entry in family.portfolio(table.problem()))
    fixed = {"fixed": {"monotone_constraints": {"c0": 1}}}
    views = [
        family.encoding(entry, table.problem())
        for entry in family.portfolio(replace(table, settings=fixed, family=family).problem())
    ]
    assert all(set(view.generated) <= {"target"} for view in views)
