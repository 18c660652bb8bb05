"""Base class of families with settings, and with params that a user may fix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily
from automl.plugin.param import Param

__all__ = ["ConfigurableFamily", "default_settings"]


class ConfigurableFamily(ModelFamily):
    """A family with settings under ``model.<name>``.

    ``problem.settings`` and ``context.settings`` hold a value for each: the user's or the default.

    Attributes:
        settings: Defaults. A user's value must have the type of the default.
        setting_ranges: Valid values of a setting, or of each entry of a list. Others are rejected
            before the search begins. A number without a range must be finite.

    Example:
        >>> class Trees(ConfigurableFamily):
        ...     name = "trees"
        ...     settings = {"criterion": "gini"}
        ...     setting_ranges = {"criterion": Param("str", choices=("gini", "entropy"))}
        ...     def extra_params(self, problem):
        ...         return {"max_depth": Param("int", low=1, optional=True)}
    """

    settings: ClassVar[Mapping[str, Any]] = {}
    setting_ranges: ClassVar[Mapping[str, Param]] = {}

    def extra_params(self, problem: ProblemInfo) -> Mapping[str, Param]:
        """Params that a user may fix and that are not in the search space, or exceed its ranges.

        Values in ``problem.settings["fixed"]``, which are not validated yet, are added to the
        params of all trials.
        """
        return {}


def default_settings(family: ModelFamily) -> Mapping[str, Any]:
    """Returns the default settings of a family; none if it is not configurable."""
    return family.settings if isinstance(family, ConfigurableFamily) else {}
