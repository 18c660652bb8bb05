"""What a user may set for a family: its settings, and params that no trial varies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.plugin.param import Param

__all__ = ["ConfigurableFamily", "default_settings"]


class ConfigurableFamily(ModelFamily):
    """A family with settings of its own under ``model.<name>``.

    ``shape.settings`` and ``context.settings`` have a value for each: the user's, else the default.

    Attributes:
        settings: Defaults; the types of the defaults are enforced.
        setting_ranges: Which values each setting may have, or each entry of one that is a list.
            Others are refused before a search begins; without a range a number must be finite.
    """

    settings: ClassVar[Mapping[str, Any]] = {}
    setting_ranges: ClassVar[Mapping[str, Param]] = {}

    def extra_params(self, shape: Shape) -> Mapping[str, Param]:
        """Params that a user may fix although no trial varies them, or beyond what trials vary.

        Those in ``shape.settings["fixed"]``, which may be wrong yet, join the params of all trials.
        """
        return {}


def default_settings(family: ModelFamily) -> Mapping[str, Any]:
    """Defaults of the settings of a family; none where it is not configurable."""
    return family.settings if isinstance(family, ConfigurableFamily) else {}
