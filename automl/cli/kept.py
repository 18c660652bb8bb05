"""Columns of its input that ``predict`` keeps beside the predictions."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from typing import Any

from automl.errors import DataError

__all__ = ["check_apart", "column_names", "python_values"]


def column_names(text: str) -> list[str]:
    """Reads names between commas, as argparse wants it; quotes keep a comma within a name.

    Raises:
        argparse.ArgumentTypeError: There is no name.
    """
    names = [name for name in next(csv.reader([text], skipinitialspace=True), []) if name]
    if not names:
        raise argparse.ArgumentTypeError("expected names of columns, such as id,date")
    return names


def check_apart(kept: Sequence[str], predicted: Sequence[str]) -> None:
    """Refuses kept columns that have the name of a column of predictions.

    Raises:
        DataError: There is one.
    """
    both = next((name for name in kept if name in predicted), None)
    if both is not None:
        raise DataError(
            f"--keep {both}: predictions have a column {both!r} too. Rename that of the input, or "
            "leave it out of --keep"
        )


def python_values(table: Any) -> list[list[Any]]:
    """The columns of an Arrow table as Python values, moments in time as text."""
    import pyarrow as pa

    from automl.data.columns.values import as_texts

    columns = (as_texts(c) if pa.types.is_temporal(c.type) else c for c in table.columns)
    return [column.to_pylist() for column in columns]
