"""Tests of row weights in fits and metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automl.metrics import get_metric
from automl.plugin import Task, TrialContext
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import CountedClock, RecordingReport
from automl.testing.tables import mixed_table

__all__ = ["WeightTests"]

N_ROWS = 80
SHORT_S, LOOKS = 0.2, 20  # the clock is advanced by the looks of a fit at it
METRICS = {
    "classes": ("roc_auc", "log_loss", "accuracy", "f1_macro"),
    "regression": ("rmse", "mae", "r2"),
    "quantile": ("pinball",),
}


class WeightTests(FamilyCase):
    """Tests of row weights in fits, and in the metrics for early stopping."""

    @each_task
    def test_weights_are_taken(self, task: Task) -> None:
        """A fit accepts row weights."""
        found = self._default_fit(task, weighted=True)
        self._check(found.prediction, found.fold, found.table)

    @each_task
    def test_a_row_of_weight_three_counts_as_the_row_three_times(self, task: Task) -> None:
        """Predictions are equal with ``exact_weights``, else they change by a similar amount.

        No column distinguishes rows of higher weight, so no model can separate them.
        """
        table = mixed_table(task, **self._told(task))
        times, encoding = np.where(np.arange(len(table.y)) % 2 == 1, 3, 1), self._view(table)
        valid = np.arange(len(table.y)) % 8 >= 6
        folds = (
            table.fold(encoding, valid),
            table.fold(encoding, valid, weight=times.astype(np.float64)),
            table.fold(encoding, valid, times=times),
        )
        X = self._shown(folds[0].valid)
        plain, weighted, repeated = (self._model(table, fold).predict(X) for fold in folds)
        if self.exact_weights:
            np.testing.assert_allclose(weighted, repeated, atol=1e-3)
        by_weight, by_repeating = ((p - plain).mean(axis=0) for p in (weighted, repeated))
        assert 0.5 < np.vdot(by_weight, by_repeating) / np.vdot(by_repeating, by_repeating) < 2.5

    @each_task
    def test_it_can_be_judged_by_the_usual_metrics(self, task: Task) -> None:
        """With row weights, with weights of one, and without."""
        table = self._made(task, n_rows=N_ROWS)
        names = METRICS["classes" if task.is_classification else task.value]
        for name in names:
            metric = table.metric if name == "pinball" else get_metric(name, task)
            problem = replace(table.problem(), metric=metric)
            for weight in (None, np.ones(len(table.y)), np.linspace(0.5, 2.0, len(table.y))):
                fold = table.fold(self._view(table), weight=weight)
                params, clock = self._params(table), CountedClock(SHORT_S / LOOKS)
                context = TrialContext(problem, seed=0, time_limit_s=SHORT_S, clock=clock)
                model = self.family.fit(params, fold, context, RecordingReport())
                self._check(model.predict(self._shown(fold.valid)), fold, table)
