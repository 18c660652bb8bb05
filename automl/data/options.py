"""How a table is read: what a person may say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NULL_TEXTS", "ReadOptions"]

NULL_TEXTS = (
    *("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "-NaN"),
    *("null", "NULL", "Null", "None"),
)
"""Cells of a text file that mean that there is no value."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a table is read.

    Attributes:
        kinds: Kinds set by the user, by column name; they win over what is inferred.
        drop: Names of columns to leave out.
        sql: Query to run when the source is a database URL.
        delimiter: Of a text file; found out when None.
        missing: Further texts that stand for a missing value.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    sql: str | None = None
    delimiter: str | None = None
    missing: tuple[str, ...] = ()
