"""Types and ranges of params that a user may fix, and of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from automl.plugin.task import ColumnKind

__all__ = ["Param"]


@dataclass(frozen=True, slots=True)
class Param:
    """What ``model.<family>.fixed`` may set a param to, or ``model.<family>`` a setting.

    A number is finite, whatever its range.

    Attributes:
        kind: Type of the value, or of each entry: ``bool``, ``int``, ``float`` (which an integer
            fits as well), ``str``, ``file`` or ``folder`` (a path to one that exists, or ""), or
            ``any`` where ``choices`` say all.
        low, high: Range of a number, both ends included; None leaves that side open.
        above, below: The same with the end left out.
        choices: All values there are; empty where the range says it.
        optional: Whether null is a value.
        form: What is given: one ``value``; ``columns``, a mapping from names of columns of the
            user's table to one value each; or ``groups``, a list of lists of such names.
        columns: Kinds of columns that may be named.
        needs: Params that must be fixed as well for this one to have an effect, with the values
            that will do; no values where any will.
        alias_of: The param that this is another name of; "" where it is none.
        refused: Why it cannot be set, and what to do instead; "" where it can.
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
