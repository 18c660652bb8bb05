"""Tests of refits, and of fits of all rows that end at given stages."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from automl.plugin import (
    CannotRefit,
    FittedModel,
    Fold,
    Params,
    RefitIncomplete,
    RefittableFamily,
    StagedModel,
    StageLog,
    Task,
)
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import RecordingReport
from automl.testing.tables import TestTable
from automl.trial.masked_fold import without_validation
from automl.trial.refit_agreement import disagreement
from automl.trial.settle import best_stage
from automl.trial.stages import curve_of

__all__ = ["RefitTests"]

N_FOLDS = 3
MAX_RATIO = 4.0  # higher than in a search, which has more folds and rows
STANDARD_ERRORS = 3.0
TOLERANCE = 0.02
"""Allowed loss, as a share of the loss of a constant."""


class RefitTests(FamilyCase):
    """Tests of ``refit``, or of a fit of all rows that ends at the stages chosen by the folds.

    Skipped for families with neither.
    """

    @each_task
    def test_one_model_of_all_rows_stands_for_those_of_the_folds(
        self, task: Task, tmp_path: Path
    ) -> None:
        """It needs no validation rows, can be saved, and predicts new rows like the others.

        A fit that ends at a given stage is not compared, as more rows mean more steps per epoch.
        """
        done = self._refit(task)
        (folder := tmp_path / "all").mkdir()
        self.family.save(done.model, folder)
        X = self._shown(done.new.valid)
        prediction = self.family.load(folder).predict(X)
        self._check(prediction, done.new, done.table)
        if not done.has_refit:
            return
        others = [np.asarray(model.predict(X)) for model in done.folds]
        why = disagreement(others, prediction, task.is_classification, max_ratio=MAX_RATIO)
        assert why is None, f"{self.family.name}: {why}"

    @each_task
    def test_a_refit_predicts_new_rows_no_worse_than_the_models_of_the_folds(
        self, task: Task
    ) -> None:
        """Up to three standard errors of the difference of the losses.

        Fits to given stages are skipped: stages chosen by three small folds are too uncertain.
        """
        done = self._refit(task)
        if not done.has_refit:
            pytest.skip("it has no refit; its fit ends at given stages")
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
        """It raises ``RefitIncomplete``, or equals the model without a deadline."""
        done = self._refit(task)
        context = self._context(done.table, deadline=time.monotonic() - 1.0)
        if not isinstance(self.family, RefittableFamily):
            pytest.skip("it has no refit")
        with contextlib.suppress(CannotRefit, RefitIncomplete):
            model = self.family.refit(done.params, done.all_rows, context, done.folds)
            X = self._shown(done.new.valid)
            np.testing.assert_allclose(model.predict(X), done.model.predict(X), rtol=1e-6)

    @each_task
    def test_a_fit_without_validation_rows_ends_at_the_stages_that_are_told(
        self, task: Task
    ) -> None:
        """It equals the fit with validation rows at that stage of its log.

        Skipped for families with a ``refit``.
        """
        done = self._refit(task)
        if done.has_refit:
            pytest.skip("its refit is tested")
        part, logs = done.part, done.logs
        middle = [len(log.stages) // 2 for log in logs]
        told = tuple(log.stages[n] for log, n in zip(logs, middle, strict=True))
        context = replace(self._context(done.table), stages=told)
        alone = without_validation(replace(part, memo={}))
        model = self.family.fit(done.params, alone, context, RecordingReport())
        logged = [log.predictions[n] for log, n in zip(logs, middle, strict=True)]
        expected = logged[0] if len(logged) == 1 else np.column_stack(logged)
        prediction = np.asarray(model.predict(self._shown(part.valid))).reshape(expected.shape)
        message = f"{self.family.name} does not end at context.stages"
        np.testing.assert_allclose(prediction, expected, rtol=1e-3, atol=1e-4, err_msg=message)

    def _refit(self, task: Task) -> _Refitted:
        done = _refitted(type(self), task)  # type: ignore[arg-type]  # classes are hashable
        return done or pytest.skip("it keeps the models of the folds")


@dataclass(frozen=True, slots=True)
class _Refitted:
    """A family fitted on folds of some rows and on all of them.

    Without a ``refit``, ``model`` is the fit of all rows that ends at the stages chosen by the
    folds. ``logs`` are those of the fit of ``part``, the first fold.
    """

    table: TestTable
    params: Params
    part: Fold
    logs: Sequence[StageLog]
    folds: tuple[FittedModel, ...]
    all_rows: Fold
    new: Fold
    model: FittedModel
    has_refit: bool


@functools.lru_cache(maxsize=2 * len(Task))  # tests of one class run together
def _refitted(case: type[FamilyCase], task: Task) -> _Refitted | None:
    """Fits two thirds of a real table; the rest are new rows.

    None for a family that keeps the models of the folds.
    """
    own = case()
    family, table = own.family, own._real(task)
    params, context, rows = own._params(table), own._context(table), np.arange(len(table.y))
    encoding, is_new, folds, parts = own._view(table, params), rows % 3 == 2, [], []
    known = _only(table, ~is_new)
    numbers = np.arange(len(known.y))
    for number in range(N_FOLDS):
        part = known.fold(encoding, valid=numbers % N_FOLDS == number)
        folds.append(family.fit(params, part, context, RecordingReport()))
        parts.append(part)
    nothing = np.zeros(len(numbers), dtype=bool)
    all_rows = known.fold(encoding, valid=nothing)
    model, logs = None, _logs_of(folds[0])
    if isinstance(family, RefittableFamily):
        with contextlib.suppress(CannotRefit):
            model = family.refit(params, all_rows, context, folds)
    has_refit = model is not None
    if model is None:
        context = replace(context, stages=_told(parts, folds, len(numbers)))
        if not context.stages:
            return None
        model = family.fit(params, all_rows, context, RecordingReport())
    new = table.fold(encoding, valid=is_new)
    return _Refitted(table, params, parts[0], logs, tuple(folds), all_rows, new, model, has_refit)


def _told(parts: Sequence[Fold], models: Sequence[FittedModel], n_rows: int) -> tuple[float, ...]:
    """Returns the stages at which a fit of all rows should end, one per log."""
    logs = [_logs_of(model) for model in models]
    curves = (
        {
            fold: curve_of(own[number], np.arange(len(part.y_valid)), part.y_valid, None)
            for fold, (own, part) in enumerate(zip(logs, parts, strict=True))
        }
        for number in range(min(map(len, logs)))
    )
    stages = (best_stage(own, None, n_rows) for own in curves)
    return tuple(stage for stage in stages if stage is not None)


def _logs_of(model: FittedModel) -> Sequence[StageLog]:
    return model.stages if isinstance(model, StagedModel) else ()


def _only(table: TestTable, rows: NDArray[np.bool_]) -> TestTable:
    return replace(table, numeric=table.numeric[rows], codes=table.codes[rows], y=table.y[rows])


def _losses(prediction: Any, fold: Fold, table: TestTable) -> NDArray[np.float64]:
    """Loss of each validation row, by the metric of the table."""
    metric, y = table.metric, fold.y_valid
    shown = np.asarray(prediction)
    each = [metric.score(y[i : i + 1], shown[i : i + 1]) for i in range(len(y))]
    return np.asarray(each, dtype=np.float64)


def _constant(fold: Fold, table: TestTable) -> NDArray[Any]:
    """Returns the baseline prediction."""
    if table.task.is_classification:
        value: Any = np.bincount(fold.y_train, minlength=table.n_classes) / len(fold.y_train)
    elif table.metric.quantiles:
        value = np.quantile(fold.y_train, table.metric.quantiles)
    else:
        value = fold.y_train.mean()
    return np.broadcast_to(value, (len(fold.y_valid), *np.shape(value)))
