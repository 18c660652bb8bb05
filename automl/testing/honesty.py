"""Tests that the targets of validation rows do not influence their predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from automl.data.table import Dataset, Table, Target
from automl.plugin import FittedModel, Fold, PackFit, StageLog, Task
from automl.plugin.prediction import check_prediction
from automl.testing.case import DefaultFit, FamilyCase, each_task
from automl.testing.fakes import RecordingReport
from automl.testing.tables import TestTable
from automl.trial.masked_fold import fold_shown_to
from automl.trial.stages import logs_of

__all__ = ["Honesty"]

KINDS = get_args(Literal["staged", "inner", "none"])
ROUNDING = 0.02
"""Allowed rounding in a pack, as a share of the spread of predictions."""

FEW_ROWS = 12
"""Too few validation rows for early stopping, of ``N_ROWS``."""

N_ROWS = 80

HINT = (
    'it never uses the rows for early stopping: declare early_stopping = "none" to train on all '
    'rows (or "staged", if it only reports scores of validation rows)'
)


class Honesty(FamilyCase):
    """Tests that the targets of validation rows do not influence their predictions.

    Each fits a fold twice, the second time with permuted validation targets. A family with early
    stopping may end at another stage, but its predictions at each stage must be equal bit for bit.
    """

    def test_its_way_to_stop_early_is_known(self) -> None:
        """``early_stopping`` has a valid value."""
        assert self.family.early_stopping in KINDS

    @each_task
    def test_validation_targets_do_not_change_what_they_score(self, task: Task) -> None:
        """Compares the predictions logged at each stage, or the final ones without a log."""
        self._check_default_fit(self._default_fit(task))

    @each_task
    def test_validation_targets_with_weights_do_not_change_what_they_score(
        self, task: Task
    ) -> None:
        """The same with row weights."""
        self._check_default_fit(self._default_fit(task, weighted=True))

    @each_task
    def test_few_validation_targets_do_not_change_what_they_score(self, task: Task) -> None:
        """The same with too few rows for early stopping."""
        table = self._made(task, n_rows=N_ROWS)
        valid = np.arange(N_ROWS) >= N_ROWS - FEW_ROWS
        self._check_targets_do_not_matter(table, table.fold(self._view(table), valid=valid))

    @each_task
    def test_validation_targets_of_a_pack_do_not_change_what_they_score(self, task: Task) -> None:
        """The same for a pack, apart from rounding."""
        family, table = self._packed_family(), self._made(task)
        params, rows = self._params(table), np.arange(len(table.y))
        encoding = self._view(table, params)
        folds = [self._shown_fold(table, table.fold(encoding, valid=rows % 4 == k)) for k in (1, 3)]
        outcomes = []
        for shown in (folds, [_with_permuted_targets(fold) for fold in folds]):
            members = [PackFit(params, fold, 5, RecordingReport()) for fold in shown]
            outcomes.append(family.fit_pack(members, self._context(table)))
        allowed = ROUNDING * (1.0 if task.is_classification else float(table.y.std()))
        for fold, first, second in zip(folds, *outcomes, strict=True):
            for outcome in (first, second):
                assert not isinstance(outcome, Exception), repr(outcome)
            self._check_alike(first, second, fold, table, allowed)

    @each_task
    def test_it_fits_on_what_the_search_shows_it(self, task: Task) -> None:
        """``inner`` gets validation rows drawn from the training rows, ``none`` gets none."""
        table = self._made(task)
        fold = self._fold(table)
        shown, n_train = _as_in_a_search(self.family, table, fold), len(fold.y_train)
        if self.family.early_stopping == "staged":
            assert shown is fold
            pytest.skip("it gets all rows")
        assert len(shown.y_train) + len(shown.y_valid) == n_train
        assert bool(len(shown.y_valid)) is (self.family.early_stopping == "inner")
        X = np.concatenate((np.asarray(shown.X_train), np.asarray(shown.X_valid)))
        np.testing.assert_array_equal(_sorted(X), _sorted(np.asarray(fold.X_train)))
        model = self._model(table, shown)
        self._check(model.predict(self._shown(fold.valid)), fold, table)

    def test_rows_kept_to_stop_by_are_of_use(self) -> None:
        """A family with ``inner`` trains on 15 % fewer rows, so it must use the others."""
        if self.family.early_stopping != "inner":
            pytest.skip("it trains on all rows")
        for task in sorted(self.family.tasks & (self.tasks or self.family.tasks)):
            table = self._made(task)
            fold = self._fold(table)
            shown = self._shown_fold(table, fold)
            first = self._model(table, shown)
            second = self._model(table, _with_permuted_targets(shown))
            X = self._shown(fold.valid)
            if not np.array_equal(first.predict(X), second.predict(X)):
                return
        pytest.fail(HINT)

    def _check_default_fit(self, found: DefaultFit) -> None:
        if self.family.early_stopping == "inner":  # its fit was not given the rows of a search
            self._check_targets_do_not_matter(found.table, found.fold)
            return
        again = self._permuted(found.table, found.fold)
        self._check_alike(found.model, again, found.fold, found.table)

    def _check_targets_do_not_matter(self, table: TestTable, fold: Fold) -> None:
        model = self._model(table, self._shown_fold(table, fold))
        self._check_alike(model, self._permuted(table, fold), fold, table)

    def _permuted(self, table: TestTable, fold: Fold) -> FittedModel:
        """Fits a fold with permuted validation targets."""
        return self._model(table, self._shown_fold(table, _with_permuted_targets(fold)))

    def _shown_fold(self, table: TestTable, fold: Fold) -> Fold:
        """Returns the fold as a search passes it to the family.

        Except that a family with ``none`` gets the validation rows, to show that it ignores them.
        """
        if self.family.early_stopping == "none":
            return fold
        return _as_in_a_search(self.family, table, fold)

    def _check_alike(
        self,
        first: FittedModel,
        second: FittedModel,
        fold: Fold,
        table: TestTable,
        allowed: float = 0.0,
    ) -> None:
        """Compares scored predictions of fits that differ only in validation targets."""
        logs, others = _logs(first), _logs(second)
        assert len(logs) == len(others), "validation targets influence whether stages are logged"
        if not logs:
            X = self._shown(fold.valid)
            _assert_equal(first.predict(X), second.predict(X), allowed, "predictions")
            return
        assert len(logs) in {1, max(1, len(table.metric.quantiles))}
        for log, other in zip(logs, others, strict=True):
            _check_stages(log, other, allowed)
        last = [log.predictions[-1] for log in logs]
        prediction = last[0] if len(last) == 1 else np.column_stack(last)
        check_prediction(prediction, len(fold.y_valid), table.task, table.n_outputs)


def _check_stages(log: StageLog, other: StageLog, allowed: float) -> None:
    """Compares the logs of two fits, one of which may have ended later."""
    shorter, longer = sorted((log, other), key=lambda one: one.stages[-1])
    end = shorter.stages[-1]
    strange = {stage for stage in longer.stages if stage <= end} - set(shorter.stages)
    assert not strange, f"the validation targets influence the logged stages: {sorted(strange)}"
    common = sorted(set(log.stages) & set(other.stages))
    assert common, "the two fits have no stage in common"
    for stage in common:
        one, two = (each.predictions[each.stages.index(stage)] for each in (log, other))
        _assert_equal(one, two, allowed, f"predictions logged at stage {stage:.6g}")


def _assert_equal(one: NDArray[Any], two: NDArray[Any], allowed: float, what: str) -> None:
    message = f"{what} depend on the targets of their rows"
    if allowed:
        np.testing.assert_allclose(one, two, rtol=0.0, atol=allowed, err_msg=message)
    else:
        np.testing.assert_array_equal(one, two, err_msg=message)


def _logs(model: FittedModel) -> Sequence[StageLog]:
    return logs_of(model)


def _with_permuted_targets(fold: Fold) -> Fold:
    """Returns the fold with permuted validation targets and an empty memo.

    The row of the lowest target gets the highest, and so on, so that good predictions become bad.
    """
    order = np.argsort(fold.y_valid, kind="stable")
    y = np.empty_like(fold.y_valid)
    y[order] = fold.y_valid[order[::-1]]
    return replace(fold, y_valid=y, memo={})


def _as_in_a_search(family: Any, table: TestTable, fold: Fold) -> Fold:
    """Returns the fold that a search passes to a family.

    The rows for early stopping are drawn by position and target, so the data set needs no columns.
    """
    classes = tuple(str(label) for label in range(table.n_classes))
    target = Target("y", table.task, classes, quantiles=table.metric.quantiles)
    dataset = Dataset(Table(pa.table({}), ()), target, fold.y_train)
    return fold_shown_to(family, fold, dataset, np.arange(len(fold.y_train)), seed=0)


def _sorted(X: NDArray[Any]) -> NDArray[Any]:
    return X[np.lexsort(X.T)]
