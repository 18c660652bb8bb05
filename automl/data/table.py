"""A table with column kinds, and the dataset that a search learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.numbers import NumberForm
from automl.plugin.task import ColumnKind, Task

__all__ = ["Column", "Dataset", "IntArray", "Label", "Misfits", "Table", "Target"]

IntArray: TypeAlias = NDArray[np.int64]
Label: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Column:
    """One feature column of the user's table.

    Attributes:
        key: Internal name, ``c0``, ``c1``, ... by position: any user's name is safe behind it.
        name: As it stands in the data, whatever characters it holds; may be empty or repeated.
        occurrence: 0 for the first column of that name, 1 for the second, ...
        kind: What the values mean.
        reason: Why that kind, in words for ``automl inspect``.
        left_out: Why the column is not used; "" when it is.
        missing_share: Share of rows without a value, 0 to 1.
        n_distinct: Number of distinct values.
        examples: A few values as text.
        day_first: Whether dates such as 01/02/2013 mean 1 February.
        shape: Height, width and channels of images; channels of sequences, and the steps of the
            longest one; empty for other kinds.
        channels: Names of the channels of sequences.
        form: How its numbers are written in texts; None where it has none, or is of a run made
            before forms were kept.
        n_misfits: Rows whose values do not fit the kind, and count as missing.
        misfits: A few such values as text.
        doubt: What else its texts could mean, in words; "" where they mean one thing.
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
        name: As it stands in the data.
        task: What is predicted.
        classes: The labels as they stand in the data, in the order of the class indices; empty
            for regression.
        reason: Why this column and this task, in words, with how to override.
        quantiles: Levels of a quantile task, ascending; empty for any other.
        offset: What families are shown the values less by (see ``automl.data.offset``); 0 for
            none.
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
        """Columns of a prediction: classes or levels; 0 where it is a plain value."""
        return len(self.classes) or len(self.quantiles)


@dataclass(frozen=True, slots=True)
class Misfits:
    """Values that do not fit the kind of their column, and count as missing.

    Attributes:
        column: Name of the column.
        kind: Its kind in the table that is learnt from.
        n: Rows with such a value.
        n_rows: All rows.
        examples: One to three such values, as text.
        first_row: Number of the first such row in the source, from 1; 0 where it is not known.
    """

    column: str
    kind: ColumnKind
    n: int
    n_rows: int
    examples: tuple[str, ...]
    first_row: int


@dataclass(frozen=True, slots=True)
class Table:
    """The feature columns in use, by key, in a storage type that follows from the kind.

    numeric: float64; boolean: float64 of 0 and 1; categorical: dictionary<int32, string>;
    datetime: timestamp[us] without zone (UTC); text: string. Missing values are Arrow nulls,
    never NaN. image: fixed-size binary of height * width * channels bytes, black where missing;
    sequence: large_list<fixed_size_list<float32>[n_channels]>, with NaN where a value is missing.

    Attributes:
        data: One Arrow column per used column, named by its key.
        columns: All feature columns in the order of the file, also those left out.
        row_names: What rows are called, and the name (string) of each, where the source has names
            for them: the files of a folder, the ids of series.
        misfits: Values of new rows that do not fit, by column.
        kept: Columns of the source that were asked for beside the features, as they stand there.
    """

    data: pa.Table
    columns: tuple[Column, ...]
    row_names: tuple[str, pa.Array] | None = None
    misfits: tuple[Misfits, ...] = ()
    kept: pa.Table | None = None

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
    """What a search learns from: features, target, and columns that steer weights and splits.

    Attributes:
        table: The features.
        target: The target column.
        y: Class indices (int64) or values (float64), ``(n_rows,)``.
        weight: Row weights (float64, positive, mean 1), or None.
        group: Group number of each row (int64): a group is never on both sides of a split.
        time: Order of each row in time (int64 rank), or None.
        fold: Fold number of each row given by the user (int64), -1 for rows that always train;
            None where none are given.
        n_dropped: Rows left out because they have no target.
        n_weightless: Rows left out because their weight is 0.
        time_name: Column that gives the order in time; "" without one, and in a data set that was
            opened from a run, like the next.
        moments: Time of each row in microseconds since 1970, ``(n_rows,)``, where it is a date.
        notes: What a person should know about the reading; none in a data set that was opened.
    """

    table: Table
    target: Target
    y: NDArray[Any]
    weight: NDArray[np.float64] | None = None
    group: IntArray | None = None
    time: IntArray | None = None
    fold: IntArray | None = None
    n_dropped: int = 0
    n_weightless: int = 0
    time_name: str = ""
    moments: IntArray | None = None
    notes: tuple[str, ...] = ()
