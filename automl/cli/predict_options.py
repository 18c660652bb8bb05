"""Handles the input columns that ``predict --keep`` writes beside the predictions."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from typing import Any

from automl.errors import DataError

__all__ = ["check_apart", "column_names", "python_values"]


def column_names(text: str) -> list[str]:
    """Parses comma-separated names for argparse; quotes protect commas within names.

    Raises:
        argparse.ArgumentTypeError: There is no name.
    """
    names = [name for name in next(csv.reader([text], skipinitialspace=True), []) if name]
    if not names:
        raise argparse.ArgumentTypeError("expected column names, such as id,date")
    return names


def check_apart(kept: Sequence[str], predicted: Sequence[str]) -> None:
    """Checks that no kept column has the name of a column of predictions.

    Raises:
        DataError: One has.
    """
    both = next((name for name in kept if name in predicted), None)
    if both is not None:
        raise DataError(
            f"--keep {both}: the predictions have a column {both!r} too. Rename it in the input, "
            "or omit it from --keep"
        )


def python_values(table: Any) -> list[list[Any]]:
    """Converts the columns of an Arrow table to Python values, with dates and times as text."""
    import pyarrow as pa

    from automl.data.columns.values import to_strings

    columns = (to_strings(c) if pa.types.is_temporal(c.type) else c for c in table.columns)
    return [column.to_pylist() for column in columns]
