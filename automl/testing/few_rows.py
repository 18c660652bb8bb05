"""Tests that a family can fit tables of very few rows."""

from __future__ import annotations

import time

import numpy as np

from automl.plugin import SelectiveFamily, Task
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import RandomSuggest
from automl.testing.tables import synthetic_table

__all__ = ["FewRows"]

SIZES = (5, 6, 8, 12, 20)
LIMIT_S = 0.5
GRACE_S = 20.0


class FewRows(FamilyCase):
    """Tests with so few rows that sampling or splitting them may leave none."""

    @each_task
    def test_few_rows_are_enough(self, task: Task) -> None:
        """From five rows on, four fifths of them for training, with any point of the space."""
        for n_rows in SIZES:
            table = synthetic_table(task, n_rows, **self._told(task))
            problem = table.problem()
            if isinstance(self.family, SelectiveFamily) and self.family.unsupported_reason(problem):
                continue
            drawn = self.family.search_space(RandomSuggest(n_rows), problem)
            for params in (self._params(table), drawn):
                valid = np.arange(n_rows) >= n_rows - max(1, n_rows // 5)
                fold = table.fold(self._view(table, params), valid=valid)
                end = time.monotonic() + GRACE_S
                found = self._fit(table, params, fold, time_limit_s=LIMIT_S, deadline=end)
                self._check(*found, table)
