"""What a table holds: columns with their kinds and reasons, before anything is learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.features import type_columns
from automl.data.giveaways import giveaways
from automl.data.identifiers import with_identifiers
from automl.data.looks import Look, look_at
from automl.data.misfits import WAYS_OUT, known_misfits, refuse_misfits
from automl.data.options import ReadOptions, Roles
from automl.data.sources import read_source
from automl.data.table import Column, Label, Misfits, Table, Target
from automl.data.target import choose_target, present_rows, read_target, with_clean_target
from automl.errors import DataError
from automl.plugin.task import TABULAR_KINDS, Task

__all__ = ["Description", "describe"]


@dataclass(frozen=True, slots=True)
class Description:
    """What ``automl inspect`` shows.

    Attributes:
        where: What was read.
        n_rows: Rows of the table.
        columns: All columns but the target, in the order of the source.
        target: The target; None when none could be guessed.
        problem: Why there is no target, or why nothing can be learnt; "" otherwise.
        class_counts: Rows of each class, in the order of the classes; empty for regression.
        n_without_target: Rows that a search would leave out.
        notes: What a person should know about the reading, such as its encoding.
        leaks: Columns that give the target away, or nearly do, in sentences.
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
        """The column as it was read; as it stands in the data where it is left out."""
        if self.table is None or column.left_out or column.kind not in TABULAR_KINDS:
            return Look(column.examples)
        return look_at(self.table.data[column.key], column.kind)


def describe(
    source: Any,
    options: ReadOptions | None = None,
    target: str | None = None,
    task: Task | None = None,
) -> Description:
    """Reads a table and says what it holds.

    Args:
        source: Path of a file, URL of a database, or a pandas, polars or Arrow table.
        options: How to read it.
        target: Column to predict; None guesses, and a failing guess is described, not raised.
        task: What is predicted; None guesses.

    Raises:
        DataError: It cannot be read, or the named target cannot be predicted.
    """
    options = options or ReadOptions()
    raw = read_source(source, replace(options, roles=Roles(target)))
    position: int | None = None
    found: Target | None = None
    lost: tuple[Misfits, ...] = ()
    problem, n_without = "", 0
    counts: dict[Label, int] = {}
    present, y = np.empty(0, bool), np.empty(0)
    try:
        position, chosen = choose_target(raw, target)
        raw, lost = with_clean_target(raw, position, task)
        present = present_rows(raw.columns[position])
        n_without = int((~present).sum())
        with_target = raw.with_rows(present)
        found, y = read_target(with_target, position, task, chosen)
        del with_target
        if found.classes:
            counts = dict(zip(found.classes, np.bincount(y).tolist(), strict=True))
    except DataError as error:
        if target is not None:
            raise
        problem = str(error)
    excluded = [] if position is None or found is None else [position]
    raw, columns = raw.emptied()
    table = type_columns(raw, columns, excluded, {}, options)
    if found is not None:
        table = with_identifiers(
            table, y, options, is_classification=found.task.is_classification, present=present
        )
    if not table.used and not problem:
        problem = (
            "there is no column to learn from: all are left out. Add columns, or set a kind with "
            "data.kinds to use one of them"
        )
    if options.strict and not problem:
        problem = _strict_problem([*lost, *known_misfits(table)], raw.where)
    return Description(
        where=raw.where,
        n_rows=raw.n_rows,
        columns=table.columns,
        target=found,
        problem=problem,
        class_counts=counts,
        n_without_target=n_without,
        notes=raw.notes,
        leaks=() if found is None else tuple(_leaks(table, found, present, y)),
        table=table,
    )


def _strict_problem(misfits: Sequence[Misfits], where: str) -> str:
    """What a strict search would refuse."""
    try:
        refuse_misfits(misfits, where, WAYS_OUT)
    except DataError as error:
        return str(error)
    return ""


def _leaks(
    table: Table, target: Target, present: NDArray[np.bool_], y: NDArray[Any]
) -> Iterator[str]:
    """Columns that give the target away, by the rows that have one."""
    if not present.all():
        table = replace(table, data=table.data.filter(pa.array(present)))
    return giveaways(table, target, y)
