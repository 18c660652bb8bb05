from __future__ import annotations

from typing import ClassVar

from automl.testing import FamilyTestCase
from automl_plugins.linear import Linear


class TestLinear(FamilyTestCase):
    family = Linear()


class TestLinearByGradientDescent(FamilyTestCase):
    family = Linear()
    settings: ClassVar = {"solver": "sgd"}
