"""Describes a table before any training: columns with kinds and reasons, target, likely leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.columns.features import infer_columns
from automl.data.columns.identifiers import with_identifiers
from automl.data.columns.misfits import WAYS_OUT, known_misfits, refuse_misfits
from automl.data.columns.roles import find_steering, read_steering
from automl.data.columns.target import (
    choose_target,
    read_target,
    rows_with_value,
    with_clean_target,
)
from automl.data.describe.leaks import giveaways
from automl.data.options import ReadOptions, Roles
from automl.data.raw_table import RawTable
from automl.data.read.formats import read_source
from automl.data.table import BoolArray, Column, FloatArray, IntArray, Label, Misfits, Table, Target
from automl.errors import DataError
from automl.formatting import shortened
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = ["Description", "Look", "describe_table", "look_at"]

FIRST_ROWS, N_SHOWN = 2000, 3
FEWEST_ROWS = 20  # with fewer, no value counts as an outlier
FAR = 3.0
"""Interquartile ranges beyond the quartiles (Tukey, Exploratory Data Analysis, 1977: "far out")."""
MOST_SHARE, MOST_ROWS = 0.01, 2
"""Largest share, or number, of outliers; with more, the column has a long tail."""
SAMPLE_ROWS = 100_000
"""Rows sampled for the quartiles."""


@dataclass(frozen=True, slots=True)
class Description:
    """The description of a table, as shown by ``automl inspect``.

    Attributes:
        where: Name of the source.
        n_rows: Number of rows.
        columns: All columns but the target, in the order of the source.
        target: The target; None if it could not be inferred.
        problem: Reason why a search is not possible, such as no target; "" otherwise.
        class_counts: Rows of each class, in the order of the classes; empty for regression.
        n_without_target: Number of rows that a search would drop.
        notes: Notes on the reading for the user, such as the encoding of the file.
        leaks: Likely leaks, one sentence per column.
        table: The columns in use.
    """

    where: str
    n_rows: int
    columns: tuple[Column, ...]
    target: Target | None
    problem: str = ""
    class_counts: Mapping[Label, int] = field(default_factory=dict)
    n_without_target: int = 0
    notes: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    table: Table | None = field(default=None, repr=False)

    def look(self, column: Column) -> Look:
        """A preview of a column; only its examples if it is not used or not tabular."""
        if self.table is None or column.left_out or column.kind not in TABULAR_KINDS:
            return Look(column.examples)
        return look_at(self.table.data[column.key], column.kind)


def describe_table(
    source: Any,
    options: ReadOptions | None = None,
    target: str | None = None,
    task: Task | None = None,
    *,
    group: str | None = None,
    time_column: str | None = None,
    folds_column: str | None = None,
    weight: str | None = None,
) -> Description:
    """Reads a table and describes it.

    Args:
        source: Path of a file, URL of a database, or a pandas, polars or Arrow table.
        options: How to read it.
        target: Column to predict; None infers it, and a failure is reported in ``problem``.
        task: The task; None infers it.
        group: Column of groups, as for ``load_dataset``. Whether whole numbers are identifiers may
            depend on this column and the next two.
        time_column: Column that orders the rows in time.
        folds_column: Column of fold numbers.
        weight: Column of row weights.

    Raises:
        DataError: The source cannot be read, or the named target cannot be predicted.
    """
    options = options or ReadOptions()
    roles = Roles(target, group, time_column, folds_column, weight)
    raw = read_source(source, replace(options, roles=roles))
    goal, problem = _Goal(), ""
    try:
        raw, goal = _read_goal(raw, roles, task)
    except DataError as error:
        if target is not None:
            raise
        problem = str(error)
    raw, columns = raw.emptied()
    table = infer_columns(raw, columns, goal.excluded, goal.steering, options)
    found = goal.target
    if found is not None:
        is_classification = found.task.is_classification
        about = {"is_classification": is_classification, "present": goal.present, **goal.about}
        table = with_identifiers(table, goal.y, options, **about)
    if not table.used and not problem:
        problem = (
            "no usable columns: all are left out. Add columns, or set a kind with data.kinds to "
            "use one of them"
        )
    if options.strict and not problem:
        problem = _strict_problem([*goal.lost, *known_misfits(table)], raw.where)
    return Description(
        where=raw.where,
        n_rows=raw.n_rows,
        columns=table.columns,
        target=found,
        problem=problem,
        class_counts=goal.class_counts,
        n_without_target=int((~goal.present).sum()),
        notes=raw.notes,
        leaks=() if found is None else tuple(_leaks(table, found, goal.present, goal.y)),
        table=table,
    )


@dataclass(frozen=True, slots=True)
class _Goal:
    """The target, and the steering columns of the rows that have one.

    Attributes:
        target: The target; None if it could not be inferred.
        y: Class indices or values of the rows that have a target.
        present: Mask of the rows that have a target.
        excluded: Position of the target; empty without one.
        steering: Positions of the steering columns; see ``find_steering``.
        lost: Values of the target that could not be read.
        about: Arguments of ``with_identifiers`` for these rows: groups, times and given folds.
    """

    target: Target | None = None
    y: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    present: BoolArray = field(default_factory=lambda: np.empty(0, bool))
    excluded: tuple[int, ...] = ()
    steering: Mapping[str, int] = field(default_factory=dict)
    lost: tuple[Misfits, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_counts(self) -> dict[Label, int]:
        """Rows of each class, in the order of the classes; empty for regression."""
        if self.target is None or not self.target.classes:
            return {}
        return dict(zip(self.target.classes, np.bincount(self.y).tolist(), strict=True))


def _read_goal(raw: RawTable, roles: Roles, task: Task | None) -> tuple[RawTable, _Goal]:
    """Reads the target and the steering columns; the target of the returned table is clean."""
    position, chosen = choose_target(raw, roles.target)
    steering = find_steering(raw, position, roles)
    raw, lost = with_clean_target(raw, position, task)
    present = rows_with_value(raw.columns[position])
    with_target = raw.with_rows(present)
    found, y = read_target(with_target, position, task, chosen)
    steered, _ = read_steering(with_target, steering)
    skip = () if roles.time_column is None else (roles.time_column,)
    return raw, _Goal(found, y, present, (position,), steering, lost, {"skip": skip, **steered})


def _strict_problem(misfits: Sequence[Misfits], where: str) -> str:
    """The error that a strict search would raise; "" if none."""
    try:
        refuse_misfits(misfits, where, WAYS_OUT)
    except DataError as error:
        return str(error)
    return ""


def _leaks(table: Table, target: Target, present: BoolArray, y: NDArray[Any]) -> Iterator[str]:
    """Likely leaks, judged by the rows that have a target."""
    if not present.all():
        table = replace(table, data=table.data.filter(pa.array(present)))
    return giveaways(table, target, y)


@dataclass(frozen=True, slots=True)
class Look:
    """A preview of a column.

    Attributes:
        first: Its first distinct values, as text.
        n_outliers: Number of rows with an outlier.
        outliers: A few of the outliers, the farthest first.
    """

    first: tuple[str, ...]
    n_outliers: int = 0
    outliers: tuple[str, ...] = ()


def look_at(values: pa.ChunkedArray, kind: ColumnKind) -> Look:
    """Makes the preview of a column.

    Args:
        values: Values in the storage type of the kind, ``(n_rows,)``.
        kind: The column kind, not image or sequence.
    """
    some = pc.unique(values.slice(0, FIRST_ROWS).combine_chunks().drop_null())
    if not len(some):
        some = pc.unique(values.drop_null().slice(0, FIRST_ROWS).combine_chunks())
    first = tuple(_text(value, kind) for value in some[:N_SHOWN].to_pylist())
    if kind not in (ColumnKind.NUMERIC, ColumnKind.DATETIME):
        return Look(first)
    known = values.drop_null()
    numbers = known.cast(pa.int64()) if kind is ColumnKind.DATETIME else known
    far = _far_out(numbers.to_numpy().astype(np.float64))
    shown = (_text(known[int(at)].as_py(), kind) for at in far)
    return Look(first, len(far), tuple(dict.fromkeys(shown))[:N_SHOWN])


def _far_out(numbers: FloatArray) -> IntArray:
    """Row numbers of outliers, the farthest first; none if there are too many."""
    none = np.empty(0, np.int64)
    if len(numbers) < FEWEST_ROWS:
        return none
    sample = numbers[:: max(1, len(numbers) // SAMPLE_ROWS)]
    low, high = np.quantile(sample, (0.25, 0.75))
    distance = np.maximum(low - numbers, numbers - high)
    far = np.flatnonzero(distance > FAR * (high - low))
    if high <= low or len(far) > max(MOST_ROWS, MOST_SHARE * len(numbers)):
        return none
    return far[np.argsort(-distance[far], kind="stable")]


def _text(value: object, kind: ColumnKind) -> str:
    if kind is ColumnKind.BOOLEAN:
        return "true" if value else "false"
    if kind is ColumnKind.DATETIME:
        return str(value).removesuffix(" 00:00:00")
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return shortened(str(value))
