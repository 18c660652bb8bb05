"""The family tabm: nets that share weights."""

from automl.plugin import Task
from automl.testing import FamilyTestCase
from automl.testing.tables import made_table
from automl_plugins.torch.tabm import TabM

FAST = {"max_epochs": 8}


class SmallTabM(TabM):
    """Begins with small nets that learn fast: the suite fits hundreds of them."""

    def portfolio(self, shape):
        return [{**params, "k": 8, "width": 64, "lr": 5e-3} for params in super().portfolio(shape)]


class TestTabM(FamilyTestCase):
    family = SmallTabM()
    settings = FAST


def test_its_own_portfolio_is_larger_on_a_gpu_and_lies_inside_the_space():
    from dataclasses import replace

    from automl.testing.fakes import CheckingSuggest

    shape = made_table(Task.BINARY).shape()
    for n_gpus in (0, 1):
        own = replace(shape, n_gpus=n_gpus)
        for params in TabM().portfolio(own):
            check = CheckingSuggest(dict(params))
            assert TabM().search_space(check, own) == params
            assert check.problems == []
    nets = [TabM().portfolio(replace(shape, n_gpus=n))[0]["width"] for n in (0, 1)]
    assert nets == [128, 512]
