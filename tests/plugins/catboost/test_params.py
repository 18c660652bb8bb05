"""CatBoost's parameters as a user may fix them."""

import inspect
from dataclasses import replace
from typing import Any

import catboost
import pytest

from automl.plugin import Task
from automl.testing import synthetic_table
from automl_plugins.catboost.family import CatBoost


def test_each_parameter_of_the_library_is_settable_or_refused_with_a_reason() -> None:
    kinds = (catboost.CatBoostClassifier, catboost.CatBoostRegressor)
    theirs = {name for kind in kinds for name in inspect.signature(kind.__init__).parameters}
    ours = {
        name for task in Task for name in CatBoost().extra_params(synthetic_table(task).problem())
    }
    assert theirs - {"self"} <= ours


@pytest.mark.parametrize("task", Task)
def test_the_library_takes_each_parameter_that_can_be_set(task: Task, fit_with_each: Any) -> None:
    fit_with_each(CatBoost(), task)


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.QUANTILE])
def test_constraints_that_the_library_would_not_keep_are_refused(task: Task) -> None:
    assert CatBoost().extra_params(synthetic_table(task).problem())["monotone_constraints"].refused


def test_only_trees_that_can_be_constrained_are_proposed() -> None:
    fixed = {"fixed": {"monotone_constraints": {"c0": 1}}}
    problem = replace(synthetic_table(Task.BINARY, family=CatBoost()), settings=fixed).problem()
    policies = {entry["grow_policy"] for entry in CatBoost().portfolio(problem)}
    assert policies == {"SymmetricTree"}
    assert CatBoost().extra_params(problem)["grow_policy"].choices == ("SymmetricTree",)
