from __future__ import annotations

from automl.testing import FamilyTestCase
from automl_plugins.knn import KNN


class TestKNN(FamilyTestCase):
    family = KNN()
