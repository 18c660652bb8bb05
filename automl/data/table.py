"""Tables with column kinds, the target, and the data set of a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.numbers import NumberForm
from automl.plugin.task import ColumnKind, Task

__all__ = [
    "BoolArray",
    "Column",
    "Dataset",
    "FloatArray",
    "IntArray",
    "Label",
    "Misfits",
    "Table",
    "Target",
]

BoolArray: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Label: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Column:
    """One feature column of the user's table.

    Attributes:
        key: Internal name, ``c0``, ``c1``, ... by position, so that any user's name is safe.
        name: Name as in the data, with any characters; may be empty or repeated.
        occurrence: 0 for the first column of that name, 1 for the second, ...
        kind: The column kind.
        reason: Reason for that kind, as text for ``automl inspect``.
        left_out: Reason why the column is ignored; "" if it is used.
        missing_share: Share of rows without a value, 0 to 1.
        n_distinct: Number of distinct values.
        examples: A few values as text.
        day_first: Whether dates such as 01/02/2013 mean 1 February.
        shape: Height, width and channels of images; number of channels and length of the longest
            sequence; empty for other kinds.
        channels: Names of the channels of sequences.
        form: Notation of its numbers in texts; None if it has none, or if the run is older than
            forms.
        n_misfits: Number of rows whose value does not fit the kind and counts as missing.
        misfits: A few such values as text.
        doubt: Another possible reading of its texts, in words; "" if there is only one.
    """

    key: str
    name: str
    occurrence: int
    kind: ColumnKind
    reason: str
    left_out: str = ""
    missing_share: float = 0.0
    n_distinct: int = 0
    examples: tuple[str, ...] = ()
    day_first: bool = False
    shape: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    form: NumberForm | None = None
    n_misfits: int = 0
    misfits: tuple[str, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The column that is predicted.

    Attributes:
        name: Name as in the data.
        task: The task.
        classes: Labels as in the data, in the order of the class indices; empty for regression.
        reason: Reason for this column and task, as text, with how to override it.
        quantiles: Levels of a quantile task, ascending; empty for other tasks.
        offset: Subtracted from the targets that families see (see ``automl.data.target_offset``);
            0 for none.
    """

    name: str
    task: Task
    classes: tuple[Label, ...] = ()
    reason: str = ""
    quantiles: tuple[float, ...] = ()
    offset: float = 0.0

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.classes)

    @property
    def n_outputs(self) -> int:
        """Number of columns of a prediction: classes or levels; 0 for regression."""
        return len(self.classes) or len(self.quantiles)


@dataclass(frozen=True, slots=True)
class Misfits:
    """Values of a column that do not fit its kind, and count as missing.

    Attributes:
        column: Name of the column.
        kind: Its kind in the training table.
        n: Number of rows with such a value.
        n_rows: Number of rows.
        examples: One to three such values, as text.
        first_row: Number of the first such row in the source, from 1; 0 if unknown.
    """

    column: str
    kind: ColumnKind
    n: int
    n_rows: int
    examples: tuple[str, ...]
    first_row: int


@dataclass(frozen=True, slots=True)
class Table:
    """The feature columns in use, each in the storage type of its kind.

    numeric: float64; boolean: float64 of 0 and 1; categorical: dictionary<int32, string>;
    datetime: timestamp[us] without zone (UTC); text: string. Missing values are Arrow nulls,
    never NaN. image: fixed-size binary of height * width * channels bytes, black where missing;
    sequence: large_list<fixed_size_list<float32>[n_channels]>, with NaN where a value is missing.

    Attributes:
        data: One Arrow column per used column, named by its key.
        columns: All feature columns in the order of the file, also ignored ones.
        row_names: The noun for rows and the name (string) of each, if the source names its rows:
            the files of a folder, the ids of series.
        misfits: Values of new rows that do not fit, by column.
        kept: Columns of the source that were requested beside the features, unchanged.
        joined: The values of many columns of few rows, one column after the other, by the keys of
            the columns: the encoders of all folds read the same ones.
    """

    data: pa.Table
    columns: tuple[Column, ...]
    row_names: tuple[str, pa.Array] | None = None
    misfits: tuple[Misfits, ...] = ()
    kept: pa.Table | None = None
    joined: dict[tuple[str, ...], pa.Array] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.data.num_rows)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns in use."""
        return tuple(c for c in self.columns if not c.left_out)

    def of_kind(self, *kinds: ColumnKind) -> tuple[Column, ...]:
        """The columns in use that have one of these kinds."""
        return tuple(c for c in self.used if c.kind in kinds)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The training data of a search: features, target, weights, and columns that steer the split.

    Attributes:
        table: The features.
        target: The target column.
        y: Class indices (int64) or values (float64), ``(n_rows,)``.
        weight: Row weights (float64, positive, mean 1), or None.
        group: Group number of each row (int64), or None: a group is never on both sides of a
            split.
        time: Rank of each row in time (int64), or None.
        fold: Fold number of each row given by the user (int64), -1 for rows that always train;
            None if not given.
        n_dropped: Number of rows dropped because they have no target.
        n_zero_weight: Number of rows dropped because their weight is 0.
        time_name: Column of times; "" without one. Not stored, like ``moments`` and ``notes``.
        moments: Time of each row in microseconds since 1970, ``(n_rows,)``, if times are dates.
        notes: Notes on the reading for the user.
    """

    table: Table
    target: Target
    y: NDArray[Any]
    weight: FloatArray | None = None
    group: IntArray | None = None
    time: IntArray | None = None
    fold: IntArray | None = None
    n_dropped: int = 0
    n_zero_weight: int = 0
    time_name: str = ""
    moments: IntArray | None = None
    notes: tuple[str, ...] = ()
