"""The family realmlp: the recipe RealMLP-TD."""

from dataclasses import replace

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import FamilyTestCase
from automl.testing.fakes import CheckingSuggest, RandomSuggest
from automl.testing.tables import synthetic_table
from automl_plugins.torch.tabular.realmlp import RealMlp

FAST = {"max_epochs": 12}
SMALL = {"n_layers": 2, "width": 256, "batch_size": 256}


class SmallRealMlp(RealMlp):
    """With small nets alone: the suite fits hundreds of them."""

    def search_space(self, suggest, shape):
        return {**super().search_space(suggest, shape), **SMALL}

    def portfolio(self, shape):
        return [{**params, **SMALL} for params in super().portfolio(shape)]


class TestRealMlp(FamilyTestCase):
    family = SmallRealMlp()
    settings = FAST


@pytest.mark.parametrize("n_gpus", [0, 1])
@pytest.mark.parametrize("task", list(Task), ids=str)
def test_its_own_portfolio_is_complete_and_inside_the_space(task, n_gpus):
    for n_rows in (200, 10_000, 1_000_000):
        for n_numeric in (3, 500):
            problem = replace(
                synthetic_table(task).problem(),
                n_rows=n_rows,
                n_numeric=n_numeric,
                n_gpus=n_gpus,
            )
            for params in RealMlp().portfolio(problem):
                check = CheckingSuggest(dict(params))
                assert RealMlp().search_space(check, problem) == params
                assert check.problems == []


@pytest.mark.parametrize("seed", range(3))
def test_nets_of_all_sizes_can_be_fitted(seed):
    table = synthetic_table(Task.MULTICLASS, family=RealMlp(), settings={"max_epochs": 1})
    params = RealMlp().search_space(RandomSuggest(seed), table.problem())
    fold = table.fold(RealMlp().encoding(params, table.problem()))
    model = RealMlp().fit(params, fold, table.context(), lambda step, score: None)
    assert np.isfinite(model.predict(fold.X_valid)).all()
