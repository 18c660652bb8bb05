"""The family realmlp: the recipe RealMLP-TD."""

from automl_plugins.torch.tabular.realmlp import RealMlp
from tests.plugins.torch.tabular.net_families import NetFamilyTestCase, SmallNets

FAST = {"max_epochs": 12}
SMALL = {"n_layers": 2, "width": 256, "batch_size": 256}


class SmallRealMlp(SmallNets, RealMlp):
    small = SMALL


class TestRealMlp(NetFamilyTestCase):
    family, shipped = SmallRealMlp(), RealMlp()
    settings = FAST
