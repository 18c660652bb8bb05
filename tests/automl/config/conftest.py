"""A registry of two families that no plugin had to be installed for."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from automl.plugin import ConfigurableFamily, Param
from automl.registry import RegisteredFamily, Registry


class Alpha(ConfigurableFamily):
    name = "alpha"
    settings: ClassVar[Mapping[str, Any]] = {
        "max_rows": 100,
        "share": 0.5,
        "exact": True,
        "kernel": "rbf",
        "sizes": [8, 16],
        "anything": None,
        "nested": {"a": 1},
    }
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_rows": Param("int", low=1, high=1_000_000),
        "kernel": Param("str", choices=("rbf", "linear")),
        "sizes": Param("int", low=1),
    }

    def search_space(self, suggest, problem):
        return {}

    def fit(self, params, fold, context, report):
        raise NotImplementedError

    def save(self, model, path):
        raise NotImplementedError

    def load(self, path):
        raise NotImplementedError


class Beta(Alpha):
    name = "beta"
    settings: ClassVar[Mapping[str, Any]] = {}
    setting_ranges: ClassVar[Mapping[str, Param]] = {}


@pytest.fixture
def registry() -> Registry:
    families = (Alpha(), Beta())
    return Registry(families={f.name: RegisteredFamily(f, "dist-x", "1", "x") for f in families})
