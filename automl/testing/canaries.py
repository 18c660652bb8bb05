"""Tests for target leakage, on tables where a leak shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from automl.plugin import Fold, Task
from automl.testing.case import FamilyCase, each_task
from automl.testing.tables import TestTable

__all__ = ["LeakageCanaries"]

CHANCE = 4.0
"""Standard errors up to which a difference counts as chance."""

COPIES = 4
ENOUGH_S = 1.0
N_SEEDS = 3
FOUND = 0.5
"""Share of the prior's loss that must vanish if the target is a column."""


class LeakageCanaries(FamilyCase):
    """Tests that a family uses only its training rows and columns."""

    @each_task
    def test_a_random_target_cannot_be_predicted(self, task: Task) -> None:
        """Better than chance means that validation targets leak."""
        table = self._made(task)
        table = replace(table, y=np.random.default_rng(1).permutation(table.y))
        gain, error = self._gain(*self._fit(table), table)
        assert gain < CHANCE * error

    @each_task
    def test_a_random_target_of_copied_rows_cannot_be_predicted_for_other_rows(
        self, task: Task
    ) -> None:
        """Rows come in groups of copies with one random target; groups are not divided."""
        table = self._made(task)
        group = np.arange(len(table.y)) // COPIES
        firsts = group * COPIES
        y = np.random.default_rng(2).permutation(table.y)[firsts]
        table = replace(table, numeric=table.numeric[firsts], codes=table.codes[firsts], y=y)
        fold = table.fold(self._view(table), valid=group % 4 == 3)
        gain, error = self._gain(*self._fit(table, fold=fold), table)
        # Copies add no information: the effective number of rows is that of groups.
        assert gain < CHANCE * error * np.sqrt(COPIES)

    @each_task
    def test_a_copy_of_the_target_is_found(self, task: Task) -> None:
        """A copy of the target removes most of the loss; otherwise the other tests show nothing."""
        table = self._made(task)
        none = np.empty((len(table.y), 0), dtype=np.int64)
        copied = np.column_stack((table.numeric[:, :1], table.y.astype(np.float64)))
        table = replace(table, numeric=copied, codes=none)
        prediction, fold = self._fit(table, time_limit_s=ENOUGH_S)  # it would improve for ever
        loss, prior = _losses(prediction, fold, table), _losses(_prior(fold, table), fold, table)
        assert loss.mean() < FOUND * prior.mean()

    @each_task
    def test_a_row_number_brings_no_gain(self, task: Task) -> None:
        """A column of row numbers, in random order, must not lower the loss.

        If fits depend on their seed, it may lower it as much as another seed.
        """
        table = self._default_fit(task).table
        number = np.arange(len(table.y), dtype=np.float64)[:, np.newaxis]
        numbered = replace(table, numeric=np.concatenate((table.numeric, number), axis=1))
        with_number, fold = self._fit(numbered)
        losses = _losses(with_number, fold, table)
        for seed in range(N_SEEDS):
            without = self._fit(table, seed=seed)[0] if seed else self._default_fit(task).prediction
            gain, error = _mean_and_error(_losses(without, fold, table) - losses)
            if gain < CHANCE * error + 1e-9:
                return
        pytest.fail(f"the number of a row makes the loss lower by {gain:.3g} ± {error:.2g}")

    def _gain(self, prediction: NDArray[Any], fold: Fold, table: TestTable) -> tuple[float, float]:
        """Returns the gain in loss over the prior, and its standard error."""
        prior = _losses(_prior(fold, table), fold, table)
        gain, error = _mean_and_error(prior - _losses(prediction, fold, table))
        return gain, error + 1e-9


def _prior(fold: Fold, table: TestTable) -> NDArray[np.float64]:
    """Predicts class shares, quantiles or the mean of the training rows."""
    y = fold.y_train
    if table.task is Task.QUANTILE:
        return np.tile(np.quantile(y, table.metric.quantiles), (len(fold.y_valid), 1))
    if not table.task.is_classification:
        return np.full(len(fold.y_valid), float(np.mean(y)))
    shares = np.bincount(y, minlength=table.n_classes) / len(y)
    return np.tile(shares, (len(fold.y_valid), 1))


def _losses(prediction: NDArray[Any], fold: Fold, table: TestTable) -> NDArray[np.float64]:
    """Loss of each validation row: squared error of probabilities or value, or pinball loss."""
    if table.task is Task.QUANTILE:
        rows = zip(fold.y_valid, prediction, strict=True)
        return np.array([table.metric.score(np.array([y]), p[np.newaxis]) for y, p in rows])
    if not table.task.is_classification:
        return np.asarray((prediction - fold.y_valid) ** 2, dtype=np.float64)
    truth = np.eye(table.n_classes)[fold.y_valid]
    return np.asarray(((prediction - truth) ** 2).sum(axis=1), dtype=np.float64)


def _mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
