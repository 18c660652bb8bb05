"""Types and ranges of settings and of params that a user may fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from automl.plugin.task import ColumnKind

__all__ = ["Param"]


@dataclass(frozen=True, slots=True)
class Param:
    """Valid values of a param in ``model.<family>.fixed``, or of a setting in ``model.<family>``.

    Numbers must be finite.

    Attributes:
        kind: Type of the value, or of each entry: ``bool``, ``int``, ``float`` (or an integer),
            ``str``, ``file`` or ``folder`` (an existing path, or ""), or ``any`` if ``choices``
            lists all values.
        low, high: Inclusive range of a number; None for no limit.
        above, below: Exclusive range of a number; None for no limit.
        choices: All valid values; empty if the range decides.
        optional: Whether null is valid.
        form: One ``value``; ``columns``, a mapping from column names of the user's table to
            values; or ``groups``, a list of lists of such names.
        columns: Kinds of the columns that may be named.
        needs: Params that must be fixed too for this one to have an effect, each with its
            accepted values; empty if any value is accepted.
        alias_of: The param of which this is another name; "" for none.
        refused: Why it cannot be set and what to do instead; "" if it can.

    Example:
        >>> max_depth = Param("int", low=1, high=12, optional=True)
        >>> booster = Param(choices=("gbdt", "dart"))
    """

    kind: Literal["any", "bool", "file", "float", "folder", "int", "str"] = "any"
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False
    form: Literal["columns", "groups", "value"] = "value"
    columns: frozenset[ColumnKind] = frozenset(ColumnKind)
    needs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    alias_of: str = ""
    refused: str = ""
