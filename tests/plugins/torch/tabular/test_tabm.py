"""The family tabm: nets that share weights."""

from automl_plugins.torch.tabular.tabm import TabM
from tests.plugins.torch.tabular.net_families import NetFamilyTestCase, SmallNets

FAST = {"max_epochs": 10}
SMALL = {"n_layers": 2, "width": 64, "k": 8, "lr": 5e-3, "batch_size": 64}


class SmallTabM(SmallNets, TabM):
    small = SMALL


class TestTabM(NetFamilyTestCase):
    family, shipped = SmallTabM(), TabM()
    settings = FAST
