"""The family resnet: residual blocks."""

from automl.testing import FamilyTestCase
from automl_plugins.torch.resnet import ResNet

FAST = {"max_epochs": 8}


class TestResNet(FamilyTestCase):
    family = ResNet()
    settings = FAST
