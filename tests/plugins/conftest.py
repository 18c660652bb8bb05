"""Checks of families that list parameters of their library."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from automl.plugin import ModelFamily, Param, Task
from automl.testing import RecordingReport, synthetic_table


def settable_params(family: ModelFamily, task: Task) -> dict[str, Param]:
    params = family.extra_params(synthetic_table(task, family=family).problem())
    return {name: p for name, p in params.items() if not p.refused and not p.alias_of}


def sample(param: Param) -> Any:
    """A value that the param may have."""
    if param.form == "groups":
        return [["c0", "c1"], ["c2", "c3"]]
    if param.choices:
        return param.choices[-1]
    value: Any = {"bool": True, "int": 1 if param.high == 1 else 3, "float": 0.4}[param.kind]
    return {"c0": value} if param.form == "columns" else value


@pytest.fixture
def settable() -> Callable[[ModelFamily, Task], dict[str, Param]]:
    """settable(family, task): the params that can be set on the made table."""
    return settable_params


@pytest.fixture
def fit_with_each() -> Callable[[ModelFamily, Task], None]:
    """fit_with_each(family, task): fits with each param that can be set, one after another."""

    def fit_with_each(family: ModelFamily, task: Task) -> None:
        params = settable_params(family, task)
        for name, param in params.items():
            fixed = {name: sample(param)}
            for needed, values in param.needs.items():
                fixed[needed] = values[0] if values else sample(params[needed])
            settings = {"fixed": fixed, "max_rounds": 4}
            table = synthetic_table(task, family=family, settings=settings)
            chosen = {**family.portfolio(table.problem())[0], **fixed}
            fold = table.fold(family.encoding(chosen, table.problem()))
            model = family.fit(chosen, fold, table.context(), RecordingReport())
            assert np.isfinite(model.predict(fold.X_valid)).all(), name

    return fit_with_each
