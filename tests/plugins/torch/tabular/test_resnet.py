"""The family resnet: residual blocks."""

from dataclasses import replace

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import FamilyTestCase
from automl.testing.fakes import CheckingSuggest, RandomSuggest
from automl.testing.tables import synthetic_table
from automl_plugins.torch.tabular.resnet import ResNet

FAST = {"max_epochs": 8}
SMALL = {"n_layers": 1, "width": 64, "lr": 5e-3}


class SmallResNet(ResNet):
    """With small nets alone: the suite fits hundreds of them."""

    def search_space(self, suggest, shape):
        return {**super().search_space(suggest, shape), **SMALL}

    def portfolio(self, shape):
        return [{**params, **SMALL} for params in super().portfolio(shape)]


class TestResNet(FamilyTestCase):
    family = SmallResNet()
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
            for params in ResNet().portfolio(problem):
                check = CheckingSuggest(dict(params))
                assert ResNet().search_space(check, problem) == params
                assert check.problems == []


@pytest.mark.parametrize("seed", range(3))
def test_nets_of_all_sizes_can_be_fitted(seed):
    table = synthetic_table(Task.MULTICLASS, family=ResNet(), settings={"max_epochs": 1})
    params = ResNet().search_space(RandomSuggest(seed), table.problem())
    fold = table.fold(ResNet().encoding(params, table.problem()))
    model = ResNet().fit(params, fold, table.context(), lambda step, score: None)
    assert np.isfinite(model.predict(fold.X_valid)).all()
