"""The family tabm: nets that share weights."""

from automl.testing import FamilyTestCase
from automl_plugins.torch.tabm import TabM

FAST = {"max_epochs": 5}


class TestTabM(FamilyTestCase):
    family = TabM()
    settings = FAST
