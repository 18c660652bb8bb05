"""LightGBM's parameters as a user may fix them."""

from dataclasses import replace
from typing import Any

import pytest
from lightgbm.basic import _ConfigAliases

from automl.plugin import Task
from automl.testing import RecordingReport, synthetic_table
from automl_plugins.lightgbm.family import LightGBM
from automl_plugins.lightgbm.params import BY_COLUMN, extra_params
from automl_plugins.lightgbm.refused_params import ALIASES, REFUSED

LIBRARY: dict[str, list[str]] = _ConfigAliases._get_all_param_aliases()


def shape_of(task: Task, **fixed: Any) -> Any:
    return replace(synthetic_table(task, family=LightGBM()), settings={"fixed": fixed}).problem()


def test_each_parameter_of_the_library_is_settable_or_refused_with_a_reason(settable: Any) -> None:
    every = {name for task in Task for name in settable(LightGBM(), task)}
    refused = {name for names in REFUSED.values() for name in names}
    assert every | refused == set(LIBRARY)
    assert not every & refused


def test_aliases_are_those_of_the_library() -> None:
    theirs = {n: set(others) - {n} for n, others in LIBRARY.items() if len(others) > 1}
    assert {name: set(others) for name, others in ALIASES.items()} == theirs


def test_an_alias_leads_to_the_name_or_to_the_reason_why_not() -> None:
    params = extra_params(shape_of(Task.BINARY))
    assert params["eta"].alias_of == "learning_rate"
    assert "max_rounds" in params["n_estimators"].refused


@pytest.mark.parametrize("task", Task)
def test_the_library_takes_each_parameter_that_can_be_set(task: Task, fit_with_each: Any) -> None:
    fit_with_each(LightGBM(), task)


def test_every_parameter_with_columns_has_a_value_for_those_that_are_not_named(
    settable: Any,
) -> None:
    every = {n: param for task in Task for n, param in settable(LightGBM(), task).items()}
    assert {name for name, param in every.items() if param.form == "columns"} == set(BY_COLUMN)


@pytest.mark.parametrize(
    ("task", "fixed", "name", "said"),
    [
        (Task.MULTICLASS, {}, "monotone_constraints", "several classes"),
        (Task.QUANTILE, {}, "monotone_constraints", "quantiles"),
        (Task.REGRESSION, {"linear_tree": True}, "monotone_constraints", "linear_tree"),
        (Task.REGRESSION, {}, "scale_pos_weight", "binary"),
        (Task.BINARY, {"data_sample_strategy": "goss"}, "bagging_fraction", "goss"),
        (
            Task.BINARY,
            {"scale_pos_weight": 2, "is_unbalance": True},
            "is_unbalance",
            "class weights",
        ),
    ],
)
def test_what_the_library_would_leave_out_or_fail_on_is_refused(
    task: Task, fixed: dict[str, Any], name: str, said: str
) -> None:
    assert said in extra_params(shape_of(task, **fixed))[name].refused


def test_a_fixed_size_of_leaves_is_kept_on_small_data() -> None:
    table = synthetic_table(Task.REGRESSION, family=LightGBM())
    texts = []
    for fixed in ({"min_data_in_leaf": 60}, {}):
        told = replace(table, settings={"fixed": fixed, "max_rounds": 2})
        params = {**LightGBM().portfolio(told.problem())[0], "min_data_in_leaf": 60}
        fold = told.fold(LightGBM().encoding(params, told.problem()))
        model = LightGBM().fit(params, fold, told.context(), RecordingReport())
        texts.append(model.text)
    assert "[min_data_in_leaf: 60]" in texts[0]
    assert "[min_data_in_leaf: 60]" not in texts[1]
