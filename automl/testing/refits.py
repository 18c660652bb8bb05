"""One model of all rows in place of those of the folds, where a family offers that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import RecordingReport

__all__ = ["Refits"]


class Refits(FamilyCase):
    """Tests of ``refit``. A family without it is not tested."""

    @each_task
    def test_one_model_of_all_rows_stands_for_those_of_the_folds(
        self, task: Task, tmp_path: Path
    ) -> None:
        """It needs no validation rows, can be saved, and predicts much as the others do."""
        table = self._real(task)
        params, context, rows = self._params(table), self._context(table), np.arange(len(table.y))
        models = []
        for number in range(2):
            part = table.fold(self._view(table, params), valid=rows % 2 == number)
            model = self.family.fit(params, part, context, RecordingReport())
            (folder := tmp_path / f"fold-{number}").mkdir()
            self.family.save(model, folder)
            models.append(self.family.load(folder))
        everything = table.fold(self._view(table, params), valid=np.zeros(len(rows), dtype=bool))
        refitted = self.family.refit(params, everything, context, models)
        if refitted is None:
            pytest.skip("it keeps the models of the folds")
        (folder := tmp_path / "all").mkdir()
        self.family.save(refitted, folder)
        X = self._shown(everything.train)
        prediction = self.family.load(folder).predict(X)
        self._check(prediction, table.fold(self._view(table), valid=rows >= 0), table)
        others = np.mean([model.predict(X) for model in models], axis=0)
        spread = 1.0 if task.is_classification else table.y.std()
        # Neighbours know the very value of a row they have, at every level.
        allowed = 1.0 if task is Task.QUANTILE else 0.5
        assert np.abs(prediction - others).mean() <= allowed * spread
