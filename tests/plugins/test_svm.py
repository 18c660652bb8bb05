from __future__ import annotations

from typing import ClassVar

from automl.testing import FamilyTestCase
from automl_plugins.svm import SVM


class TestSVM(FamilyTestCase):
    family = SVM()


class TestApproximateSVM(FamilyTestCase):
    family = SVM()
    settings: ClassVar = {"solver": "approximate"}
