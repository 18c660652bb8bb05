"""XGBoost's parameters as a user may fix them."""

import inspect
from typing import Any

import pytest
import xgboost

from automl.plugin import Task
from automl.testing import synthetic_table
from automl_plugins.xgboost.family import XGBoost

TASKS = sorted(XGBoost.tasks)


def test_each_parameter_of_the_library_is_settable_or_refused_with_a_reason() -> None:
    theirs = {*inspect.signature(xgboost.XGBModel.__init__).parameters} - {"self", "kwargs"}
    ours = {
        name for task in TASKS for name in XGBoost().extra_params(synthetic_table(task).problem())
    }
    assert theirs <= ours


@pytest.mark.parametrize("task", TASKS)
def test_the_library_takes_each_parameter_that_can_be_set(task: Task, fit_with_each: Any) -> None:
    fit_with_each(XGBoost(), task)
