from __future__ import annotations

import pytest

from automl.testing import FamilyTestCase

pytest.importorskip("interpret")

from automl_plugins.ebm import EBM


class TestEBM(FamilyTestCase):
    family = EBM()
