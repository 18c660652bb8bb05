"""LightGBM's parameters as a user may fix them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lightgbm.basic import _ConfigAliases

from automl.plugin import Param, Task
from automl.testing import RecordingReport, made_table
from automl_plugins._lightgbm_params import BY_COLUMN, extra_params
from automl_plugins._lightgbm_refused import ALIASES, REFUSED
from automl_plugins.lightgbm import LightGBM

TASKS = tuple(Task)
LIBRARY: dict[str, list[str]] = _ConfigAliases._get_all_param_aliases()


def shape_of(task: Task, **fixed: Any) -> Any:
    return replace(made_table(task).shape(), settings={"fixed": fixed})


def settable(task: Task) -> dict[str, Param]:
    params = extra_params(shape_of(task))
    return {name: p for name, p in params.items() if not p.refused and not p.alias_of}


def test_each_parameter_of_the_library_is_settable_or_refused_with_a_reason() -> None:
    every = {name for task in TASKS for name in settable(task)}
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


def test_what_trials_vary_can_be_set_at_least_as_far() -> None:
    family = LightGBM()
    for entry in family.portfolio(shape_of(Task.BINARY)):
        assert set(entry) - {"generated"} <= set(settable(Task.BINARY))


def sample(param: Param) -> Any:
    """A value that the param may have."""
    if param.form == "groups":
        return [["c0", "c1"], ["c2", "c3"]]
    if param.choices:
        return param.choices[-1]
    value: Any = {"bool": True, "int": 1 if param.high == 1 else 3, "float": 0.4}[param.kind]
    return {"c0": value} if param.form == "columns" else value


@pytest.mark.parametrize("task", TASKS)
def test_the_library_takes_each_parameter_that_can_be_set(task: Task) -> None:
    family, params = LightGBM(), settable(task)
    for name, param in params.items():
        fixed = {name: sample(param)}
        for needed, values in param.needs.items():
            fixed[needed] = values[0] if values else sample(params[needed])
        table = replace(made_table(task), settings={"fixed": fixed, "max_rounds": 4})
        chosen = {**family.portfolio(table.shape())[0], **fixed}
        fold = table.fold(family.view(chosen, table.shape()))
        model = family.fit(chosen, fold, table.context(), RecordingReport())
        assert np.isfinite(model.predict(fold.X_valid)).all(), name


def test_every_parameter_with_columns_has_a_value_for_those_that_are_not_named() -> None:
    every = {name: param for task in TASKS for name, param in settable(task).items()}
    assert {name for name, param in every.items() if param.form == "columns"} == set(BY_COLUMN)
