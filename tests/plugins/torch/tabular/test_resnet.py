"""The family resnet: residual blocks."""

from automl_plugins.torch.tabular.resnet import ResNet
from tests.plugins.torch.tabular.net_families import NetFamilyTestCase, SmallNets

FAST = {"max_epochs": 8}
SMALL = {"n_layers": 1, "width": 64, "lr": 5e-3}


class SmallResNet(SmallNets, ResNet):
    small = SMALL


class TestResNet(NetFamilyTestCase):
    family, shipped = SmallResNet(), ResNet()
    settings = FAST
