"""Reads the columns that steer splits and weights: groups, time, given folds, row weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from automl.data.columns.kinds import infer_kind
from automl.data.columns.target import rows_with_value
from automl.data.columns.values import cast_to_kind, factorize, to_strings
from automl.data.options import Roles
from automl.data.raw_table import RawTable
from automl.data.table import FloatArray, IntArray
from automl.errors import DataError
from automl.plugin.task import ColumnKind
from automl.surface import named

__all__ = [
    "ALWAYS_TRAINS",
    "TIME",
    "find_steering",
    "read_steering",
    "read_time",
    "read_weight",
    "require_complete",
]

ALWAYS_TRAINS = -1
"""Fold number of rows that train in every fold and are never validated."""
TIME = "order in time"
"""What the time column gives, which stays a feature unlike the others."""


def require_complete(raw: RawTable, position: int, role: str) -> pa.ChunkedArray:
    """Returns a column after checking that it has a value in every row.

    Args:
        raw: The table.
        position: Position of the column.
        role: Its role, for the message, such as ``weights``.

    Raises:
        DataError: A row has no value; the message names the first.
    """
    column = raw.columns[position]
    present = rows_with_value(column)
    if not present.all():
        n_missing, first = int((~present).sum()), raw.row(int(np.flatnonzero(~present)[0]))
        raise DataError(
            f"column {raw.names[position]!r} gives the {role}, but {n_missing:,} rows have no "
            f"value in it, first row {first}: fill them in, or leave these rows out"
        )
    return column


def _groups(raw: RawTable, position: int) -> IntArray:
    """Returns the group number of each row, ``(n_rows,)``.

    Raises:
        DataError: A row has no group, or there is only one group.
    """
    indices, distinct = factorize(to_strings(require_complete(raw, position, "groups")))
    if len(distinct) < 2:
        raise DataError(
            f"column {raw.names[position]!r} has only one group: rows cannot be split by it"
        )
    return np.asarray(indices.to_numpy(), dtype=np.int64)


def read_time(raw: RawTable, position: int) -> tuple[IntArray, IntArray | None]:
    """Ranks the rows in time.

    Returns:
        The ranks from 0, equal for equal times, ``(n_rows,)``; and the times in microseconds since
        1970, ``(n_rows,)``, or None if they are plain numbers.

    Raises:
        DataError: A row has no time, or the values are neither dates nor numbers.
    """
    name, column = raw.names[position], require_complete(raw, position, TIME)
    guess = infer_kind(column, raw.reading)
    if guess.kind not in (ColumnKind.DATETIME, ColumnKind.NUMERIC):
        raise DataError(
            f"column {name!r} cannot give the order in time: its values are neither dates nor "
            f"numbers (for example {column[0].as_py()!r})"
        )
    moments = cast_to_kind(column, guess.kind, guess.reading(raw.reading))
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


def _folds(raw: RawTable, position: int) -> IntArray:
    """Numbers the given folds from 0 in the order of their values, ``(n_rows,)``.

    Rows of fold -1 keep -1: they always train and are never validated, as in scikit-learn's
    ``PredefinedSplit``. With such rows a single other fold is enough: a holdout.

    Raises:
        DataError: A row has no fold, or there are too few or too many folds.
    """
    name, column = raw.names[position], require_complete(raw, position, "folds")
    numbers = cast_to_kind(column, ColumnKind.NUMERIC, raw.reading)
    if numbers.null_count == 0:
        distinct, fold = np.unique(numbers.to_numpy(), return_inverse=True)
        trains = distinct == ALWAYS_TRAINS
        if trains.any():
            number, distinct = int(trains.argmax()), distinct[~trains]
            # the numbers above it are shifted down
            fold = np.where(fold == number, ALWAYS_TRAINS, fold - (fold > number))
    else:
        distinct, fold = np.unique(to_strings(column).to_numpy().astype(str), return_inverse=True)
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


def read_weight(raw: RawTable, position: int) -> FloatArray:
    """Reads row weights and scales them to mean 1, ``(n_rows,)``; some may be 0.

    Raises:
        DataError: A weight is missing, negative, infinite or not a number, or all are 0.
    """
    name, column = raw.names[position], require_complete(raw, position, "weights")
    weight = cast_to_kind(column, ColumnKind.NUMERIC, raw.reading)
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
    shares = values / values.max()  # keeps the sum finite
    return np.asarray(shares / shares.mean(), dtype=np.float64)


def find_steering(raw: RawTable, target: int, roles: Roles) -> dict[str, int]:
    """Positions of the columns that steer splits and weights, by role.

    Args:
        raw: The table.
        target: Position of the target.
        roles: Names of the columns.

    Raises:
        DataError: There is no such column, or it is the target and gives groups, folds or weights.
    """
    asked = {
        "groups": (roles.group, named("group")),
        "folds": (roles.folds_column, named("folds_column")),
        "weights": (roles.weight, named("weight")),
        TIME: (roles.time_column, named("time_column")),
    }
    found: dict[str, int] = {}
    for role, (name, option) in asked.items():
        if name is None:
            continue
        found[role] = raw.position(name, option)
        if found[role] == target and role != TIME:
            raise DataError(f"column {name!r} is the target and cannot give the {role} as well")
    return found


def read_steering(
    raw: RawTable, steering: Mapping[str, int]
) -> tuple[dict[str, IntArray | None], IntArray | None]:
    """Reads groups, times and folds.

    Args:
        raw: Rows that all have a target.
        steering: The result of ``find_steering``.

    Returns:
        ``group``, ``time`` and ``fold`` of each row, ``(n_rows,)``, as in ``Dataset``, None without
        such a column; and its ``moments``.

    Raises:
        DataError: A column cannot give what it should.
    """
    time, moments = read_time(raw, steering[TIME]) if TIME in steering else (None, None)
    group = _groups(raw, steering["groups"]) if "groups" in steering else None
    fold = _folds(raw, steering["folds"]) if "folds" in steering else None
    return {"group": group, "time": time, "fold": fold}, moments
