"""A table as it was read, before anything is known of what its columns mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from automl.errors import DataError, did_you_mean

__all__ = ["RawTable", "listed", "plain_strings"]


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns by position, with the names and types of the source.

    Attributes:
        names: As they stand in the data; may be empty or repeated.
        columns: One chunked array a column; text files give strings only.
        where: What was read, for messages: a file name, ``the data frame``, ...
        decimal: Decimal mark of numbers written as text.
        notes: What a person should know about the reading.
    """

    names: tuple[str, ...]
    columns: tuple[pa.ChunkedArray, ...]
    where: str
    decimal: str = "."
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0]) if self.columns else 0

    def position(self, name: str, role: str) -> int:
        """Position of the column of that name; the last one where the name is repeated.

        Args:
            name: Name of the column.
            role: What it is wanted for, such as ``target``.

        Raises:
            DataError: There is no such column; the nearest names are given.
        """
        if name in self.names:
            return len(self.names) - 1 - self.names[::-1].index(name)
        raise DataError(
            f"{self.where} has no column {name!r} for {role}{did_you_mean(name, self.names)}"
            f" The columns are {listed(self.names)}"
        )


def listed(names: Sequence[str], at_most: int = 12) -> str:
    """Returns names for a message, such as ``'a', 'b' and 7 more``."""
    shown = ", ".join(
        repr(name if len(name) <= 60 else name[:57] + "...") for name in names[:at_most]
    )
    more = len(names) - at_most
    return f"{shown} and {more:,} more" if more > 0 else shown


def plain_strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column whose large, view and binary strings are plain ``string``.

    Raises:
        pa.ArrowInvalid: Bytes are not UTF-8.
    """
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if (
        pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    ):
        return column.cast(pa.string())
    return column
