"""The family realmlp: the recipe RealMLP-TD."""

from automl.testing import FamilyTestCase
from automl_plugins.torch.realmlp import RealMlp

FAST = {"max_epochs": 12}


class TestRealMlp(FamilyTestCase):
    family = RealMlp()
    settings = FAST
