"""Row weights, and the metrics that they enter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automl.metrics import get_metric
from automl.plugin import Task, TrialContext
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import RecordingReport
from automl.testing.tables import mixed_table

__all__ = ["Weights"]

SHORT_S = 0.2
METRICS = {
    "classes": ("roc_auc", "log_loss", "accuracy", "f1_macro"),
    "regression": ("rmse", "mae", "r2"),
    "quantile": ("pinball",),
}


class Weights(FamilyCase):
    """A row may count more than another, in fitting and in what a fit is judged by."""

    @each_task
    def test_weights_are_taken(self, task: Task) -> None:
        """Fitting with row weights works."""
        table = self._made(task)
        weight = np.random.default_rng(0).uniform(0.2, 3.0, size=len(table.y))
        fold = table.fold(self._view(table), weight=weight)
        self._check(*self._fit(table, fold=fold), table)

    @each_task
    def test_a_row_of_weight_three_counts_as_the_row_three_times(self, task: Task) -> None:
        """The same predictions where ``exact_weights``, else moved about as far by it.

        No column tells the rows that weigh more from the others, so no model can part them.
        """
        table = mixed_table(task, **self._told(task))
        times, view = np.where(np.arange(len(table.y)) % 2 == 1, 3, 1), self._view(table)
        valid = np.arange(len(table.y)) % 8 >= 6
        folds = (
            table.fold(view, valid),
            table.fold(view, valid, weight=times.astype(np.float64)),
            table.fold(view, valid, times=times),
        )
        X = self._shown(folds[0].valid)
        plain, weighted, repeated = (self._model(table, fold).predict(X) for fold in folds)
        if self.exact_weights:
            np.testing.assert_allclose(weighted, repeated, atol=1e-3)
        by_weight, by_repeating = ((p - plain).mean(axis=0) for p in (weighted, repeated))
        assert 0.5 < np.vdot(by_weight, by_repeating) / np.vdot(by_repeating, by_repeating) < 2.5

    @each_task
    def test_it_can_be_judged_by_the_usual_metrics(self, task: Task) -> None:
        """With row weights, with weights that are all one, and without: it may stop by them."""
        table = self._made(task)
        names = METRICS["classes" if task.is_classification else task.value]
        for name in names:
            metric = table.metric if name == "pinball" else get_metric(name, task)
            shape = replace(table.shape(), metric=metric)
            context = TrialContext(shape, seed=0, time_limit_s=SHORT_S)
            for weight in (None, np.ones(len(table.y)), np.linspace(0.5, 2.0, len(table.y))):
                fold = table.fold(self._view(table), weight=weight)
                params = self._params(table)
                model = self.family.fit(params, fold, context, RecordingReport())
                self._check(model.predict(self._shown(fold.valid)), fold, table)
