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
        series_id: Column that says which series a row is a step of; None where rows are no steps.
        step: Column that orders the steps of a series; None for the order of the rows.
        channels: Columns that hold the values of a step; found out when empty.
        series_table: Path of a table with a row for each series, joined by ``series_id``.
        wide: Prefixes of columns that are the steps of a series, such as ``t`` for ``t0, t1, ...``;
            one for each channel.
        image_side: Most pixels of the longer side of an image.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    sql: str | None = None
    delimiter: str | None = None
    missing: tuple[str, ...] = ()
    series_id: str | None = None
    step: str | None = None
    channels: tuple[str, ...] = ()
    series_table: str | None = None
    wide: tuple[str, ...] = ()
    image_side: int = 96
