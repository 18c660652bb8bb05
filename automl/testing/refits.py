"""One model of all rows in place of those of the folds, where a family offers that."""

from __future__ import annotations

import contextlib
import functools
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from automl.plugin import FittedModel, Fold, Params, RefitIncomplete, Task
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import RecordingReport
from automl.testing.tables import TestTable
from automl.trial.agreement import disagreement

__all__ = ["Refits"]

N_FOLDS = 3
MAX_RATIO = 4.0  # few folds of few rows: a search, with more of both, rejects more
STANDARD_ERRORS = 3.0
TOLERANCE = 0.02
"""Of the loss of a constant: less is no loss."""


class Refits(FamilyCase):
    """Tests of ``refit``. A family without it is not tested."""

    @each_task
    def test_one_model_of_all_rows_stands_for_those_of_the_folds(
        self, task: Task, tmp_path: Path
    ) -> None:
        """It needs no validation rows, can be saved, and predicts new rows much as the others."""
        done = self._refit(task)
        (folder := tmp_path / "all").mkdir()
        self.family.save(done.model, folder)
        X = self._shown(done.new.valid)
        prediction = self.family.load(folder).predict(X)
        self._check(prediction, done.new, done.table)
        others = [np.asarray(model.predict(X)) for model in done.folds]
        why = disagreement(others, prediction, task.is_classification, max_ratio=MAX_RATIO)
        assert why is None, f"{self.family.name}: {why}"

    @each_task
    def test_a_refit_predicts_new_rows_no_worse_than_the_models_of_the_folds(
        self, task: Task
    ) -> None:
        """By no more than chance allows: three standard errors of the difference of the losses."""
        done = self._refit(task)
        X, table = self._shown(done.new.valid), done.table
        own = _losses(done.model.predict(X), done.new, table)
        others = [_losses(model.predict(X), done.new, table) for model in done.folds]
        worse = own - np.mean(others, axis=0)
        error = float(worse.std() / np.sqrt(len(worse)))
        constant = _losses(_constant(done.new, table), done.new, table).mean()
        allowed = STANDARD_ERRORS * error + TOLERANCE * constant
        assert worse.mean() <= allowed, f"the refit loses {worse.mean():.3g} more than the folds"

    @each_task
    def test_a_refit_that_the_clock_cuts_short_is_not_offered(self, task: Task) -> None:
        """It raises ``RefitIncomplete``, returns None, or is the model that more time gives."""
        done = self._refit(task)
        context = self._context(done.table, deadline=time.monotonic() - 1.0)
        with contextlib.suppress(RefitIncomplete):
            model = self.family.refit(done.params, done.all_rows, context, done.folds)
            if model is not None:
                X = self._shown(done.new.valid)
                np.testing.assert_allclose(model.predict(X), done.model.predict(X), rtol=1e-6)

    def _refit(self, task: Task) -> _Refitted:
        return _refitted(type(self), task)  # type: ignore[arg-type]  # classes are hashable


@dataclass(frozen=True, slots=True)
class _Refitted:
    """A family fitted on folds of some rows, and refitted on all of them."""

    table: TestTable
    params: Params
    folds: tuple[FittedModel, ...]
    all_rows: Fold
    new: Fold
    model: FittedModel


@functools.lru_cache(maxsize=2 * len(Task))  # tests of one class come together
def _refitted(case: type[FamilyCase], task: Task) -> _Refitted:
    """Two thirds of a real table are fitted; the rest are new rows.

    Skips a family that keeps the models of the folds.
    """
    own = case()
    family, table = own.family, own._real(task)
    params, context, rows = own._params(table), own._context(table), np.arange(len(table.y))
    view, is_new, folds = own._view(table, params), rows % 3 == 2, []
    known = _only(table, ~is_new)
    numbers = np.arange(len(known.y))
    for number in range(N_FOLDS):
        part = known.fold(view, valid=numbers % N_FOLDS == number)
        folds.append(family.fit(params, part, context, RecordingReport()))
    nothing = np.zeros(len(numbers), dtype=bool)
    all_rows = known.fold(view, valid=nothing)
    model = family.refit(params, all_rows, context, folds)
    if model is None:
        pytest.skip("it keeps the models of the folds")
    new = table.fold(view, valid=is_new)
    return _Refitted(table, params, tuple(folds), all_rows, new, model)


def _only(table: TestTable, rows: NDArray[np.bool_]) -> TestTable:
    return replace(table, numeric=table.numeric[rows], codes=table.codes[rows], y=table.y[rows])


def _losses(prediction: Any, fold: Fold, table: TestTable) -> NDArray[np.float64]:
    """Loss of each validation row, by the metric of the table."""
    metric, y = table.metric, fold.y_valid
    shown = np.asarray(prediction)
    each = [metric.score(y[i : i + 1], shown[i : i + 1]) for i in range(len(y))]
    return np.asarray(each, dtype=np.float64)


def _constant(fold: Fold, table: TestTable) -> NDArray[Any]:
    """The prediction of a model that knows the target alone."""
    if table.task.is_classification:
        value: Any = np.bincount(fold.y_train, minlength=table.n_classes) / len(fold.y_train)
    elif table.metric.quantiles:
        value = np.quantile(fold.y_train, table.metric.quantiles)
    else:
        value = fold.y_train.mean()
    return np.broadcast_to(value, (len(fold.y_valid), *np.shape(value)))
