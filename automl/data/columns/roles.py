"""Columns that steer splits and weights: groups, time, given folds, row weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.columns.kinds import infer_kind
from automl.data.columns.target import present_rows
from automl.data.columns.values import as_kind, as_texts, distinct_texts
from automl.data.raw_table import RawTable
from automl.data.table import IntArray
from automl.errors import DataError
from automl.plugin.task import ColumnKind
from automl.surface import named

__all__ = [
    "ALWAYS_TRAINS",
    "complete_column",
    "not_features",
    "read_folds",
    "read_groups",
    "read_time",
    "read_weight",
    "steering_positions",
]

ALWAYS_TRAINS = -1
"""In a column of folds: the row is a training row of every fold, and never validated."""


def complete_column(raw: RawTable, position: int, role: str) -> pa.ChunkedArray:
    """The column, made sure to have a value in every row.

    Args:
        raw: The table.
        position: Of the column.
        role: What it gives, in words.

    Raises:
        DataError: A row has none; the first is named.
    """
    column = raw.columns[position]
    present = present_rows(column)
    if not present.all():
        n_missing, first = int((~present).sum()), raw.row(int(np.flatnonzero(~present)[0]))
        raise DataError(
            f"column {raw.names[position]!r} gives the {role}, but {n_missing:,} rows have no "
            f"value in it, first row {first}: fill them in, or leave these rows out"
        )
    return column


def read_groups(raw: RawTable, position: int) -> IntArray:
    """Numbers the groups, ``(n_rows,)``.

    Raises:
        DataError: A row has no group, or there is only one.
    """
    indices, distinct = distinct_texts(as_texts(complete_column(raw, position, "groups")))
    if len(distinct) < 2:
        raise DataError(
            f"column {raw.names[position]!r} has only one group: rows cannot be divided by it"
        )
    return np.asarray(indices.to_numpy(), dtype=np.int64)


def read_time(raw: RawTable, position: int) -> tuple[IntArray, IntArray | None]:
    """Ranks the rows in time.

    Returns:
        The ranks, from 0 and equal times alike, ``(n_rows,)``; and the times in microseconds since
        1970, ``(n_rows,)``, where they are dates, None where they are plain numbers.

    Raises:
        DataError: A row has no time, or the values are neither dates nor numbers.
    """
    name, column = raw.names[position], complete_column(raw, position, "order in time")
    guess = infer_kind(column, raw.reading)
    if guess.kind not in (ColumnKind.DATETIME, ColumnKind.NUMERIC):
        raise DataError(
            f"column {name!r} cannot give the order in time: its values are neither dates nor "
            f"numbers, such as {column[0].as_py()!r}"
        )
    moments = as_kind(column, guess.kind, guess.reading(raw.reading))
    if moments.null_count:
        first = int(np.flatnonzero(~moments.is_valid().to_numpy(zero_copy_only=False))[0])
        raise DataError(
            f"column {name!r} gives the order in time, but row {raw.row(first)} cannot be read: "
            f"{column[first].as_py()!r}. Correct it, or leave the row out"
        )
    is_date = pa.types.is_timestamp(moments.type)
    values = (moments.cast(pa.int64()) if is_date else moments).to_numpy()
    _, rank = np.unique(values, return_inverse=True)
    return rank.astype(np.int64), values if is_date else None


def read_folds(raw: RawTable, position: int) -> IntArray:
    """Numbers the given folds from 0 in the order of their values, ``(n_rows,)``.

    Rows of fold -1 get -1: they always train and are never validated, as in scikit-learn's
    ``PredefinedSplit``. Beside such rows one fold is enough, which then is a holdout.

    Raises:
        DataError: A row has no fold, or there are too few.
    """
    name, column = raw.names[position], complete_column(raw, position, "folds")
    numbers = as_kind(column, ColumnKind.NUMERIC, raw.reading)
    ordered = numbers if numbers.null_count == 0 else None
    if ordered is not None:
        distinct, fold = np.unique(ordered.to_numpy(), return_inverse=True)
        trains = distinct == ALWAYS_TRAINS
        if trains.any():
            distinct, fold = distinct[~trains], _without(fold, int(np.flatnonzero(trains)[0]))
    else:
        distinct, fold = np.unique(as_texts(column).to_numpy().astype(str), return_inverse=True)
    if not len(distinct):
        raise DataError(f"column {name!r} has {ALWAYS_TRAINS} in every row: no row is validated")
    if len(distinct) < 2 and fold.min() >= 0:
        raise DataError(
            f"column {name!r} has only one fold: at least 2 are needed, or {ALWAYS_TRAINS} in the "
            "rows that always train"
        )
    if len(distinct) > len(fold) / 2:
        raise DataError(
            f"column {name!r} has {len(distinct):,} folds for {len(fold):,} rows: it does not "
            "number folds"
        )
    return fold.astype(np.int64)


def _without(fold: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Fold numbers with one taken out: its rows get -1, and the numbers above it move down."""
    moved = fold - (fold > number)
    return np.where(fold == number, ALWAYS_TRAINS, moved)


def read_weight(raw: RawTable, position: int) -> NDArray[np.float64]:
    """Reads row weights and scales them to mean 1, ``(n_rows,)``; some may be 0.

    Raises:
        DataError: A weight is missing, negative, infinite or no number, or all are 0.
    """
    name, column = raw.names[position], complete_column(raw, position, "weights")
    weight = as_kind(column, ColumnKind.NUMERIC, raw.reading)
    values = weight.to_numpy(zero_copy_only=False)
    wrong = np.isnan(values) | (values < 0)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"column {name!r} gives the weights, but row {raw.row(first)} has "
            f"{column[first].as_py()!r}: weights are finite numbers of 0 or more"
        )
    if not values.any():
        raise DataError(f"column {name!r} gives the weights, but all of them are 0")
    shares = values / values.max()  # of which the sum is finite
    return np.asarray(shares / shares.mean(), dtype=np.float64)


def steering_positions(
    raw: RawTable, target: int, group: str | None, folds: str | None, weight: str | None
) -> dict[str, int]:
    """Positions of the columns that steer and are no features, by what they give.

    Args:
        raw: The table.
        target: Position of the target.
        group: Name of the column that gives the groups; None where there is none.
        folds: Name of the one that numbers the folds.
        weight: Name of the one with the row weights.

    Raises:
        DataError: There is no such column, or it is the target.
    """
    asked = {
        "groups": (group, named("group")),
        "folds": (folds, named("folds_column")),
        "weights": (weight, named("weight")),
    }
    found: dict[str, int] = {}
    for role, (name, option) in asked.items():
        if name is None:
            continue
        found[role] = raw.position(name, option)
        if found[role] == target:
            raise DataError(f"column {name!r} is the target and cannot give the {role} as well")
    return found


def not_features(steering: Mapping[str, int]) -> dict[int, str]:
    """Why the columns that steer are no features, by their positions."""
    return {at: f"not a feature: it gives the {role}" for role, at in steering.items()}
