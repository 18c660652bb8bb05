from __future__ import annotations

from automl.testing import FamilyTestCase
from automl_plugins.lightgbm import LightGBM


class TestLightGBM(FamilyTestCase):
    family = LightGBM()
