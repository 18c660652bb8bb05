from __future__ import annotations

from automl.testing import FamilyTestCase
from automl_plugins.forest import Forest


class TestForest(FamilyTestCase):
    family = Forest()
