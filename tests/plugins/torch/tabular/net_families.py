"""Tests that every family of nets for tables passes beside the suite of all families."""

from dataclasses import replace

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import FamilyTestCase
from automl.testing.fakes import CheckingSuggest, RandomSuggest
from automl.testing.tables import synthetic_table

__all__ = ["NetFamilyTestCase", "SmallNets"]


class SmallNets:
    """Mixin of a family that fits small nets only: the suite fits hundreds of them.

    Attributes:
        small: Params that no trial varies.
    """

    def search_space(self, suggest, problem):
        return {**super().search_space(suggest, problem), **self.small}

    def portfolio(self, problem):
        return [{**params, **self.small} for params in super().portfolio(problem)]


class NetFamilyTestCase(FamilyTestCase):
    """The suite with small nets, and tests of the family as it ships.

    Attributes:
        shipped: The family with nets of all sizes.
    """

    @pytest.mark.parametrize("n_gpus", [0, 1])
    @pytest.mark.parametrize("task", list(Task), ids=str)
    def test_its_own_portfolio_is_complete_and_inside_the_space(self, task, n_gpus):
        for n_rows in (200, 10_000, 1_000_000):
            for n_numeric in (3, 500):
                problem = replace(
                    synthetic_table(task).problem(),
                    n_rows=n_rows,
                    n_numeric=n_numeric,
                    n_gpus=n_gpus,
                )
                for params in self.shipped.portfolio(problem):
                    check = CheckingSuggest(dict(params))
                    assert self.shipped.search_space(check, problem) == params
                    assert check.problems == []

    @pytest.mark.parametrize("seed", range(3))
    def test_nets_of_all_sizes_can_be_fitted(self, seed):
        table = synthetic_table(Task.MULTICLASS, family=self.shipped, settings={"max_epochs": 1})
        params = self.shipped.search_space(RandomSuggest(seed), table.problem())
        fold = table.fold(self.shipped.encoding(params, table.problem()))
        model = self.shipped.fit(params, fold, table.context(), lambda step, score: None)
        assert np.isfinite(model.predict(fold.X_valid)).all()
