"""Chooses the target column, infers the task, and reads the target values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.columns.labels import LabelValues, n_special, read_labels
from automl.data.columns.values import factorize, find_in
from automl.data.raw_table import RawTable, composed
from automl.data.table import BoolArray, Misfits, Target
from automl.errors import DataError
from automl.plugin.task import ColumnKind, Task
from automl.surface import named

__all__ = [
    "USUAL_NAMES",
    "choose_target",
    "only_numbers",
    "read_target",
    "rows_with_value",
    "with_clean_target",
]

USUAL_NAMES = ("target", "label", "class", "y")
MOST_WHOLE_CLASSES = 20
WHOLE_CLASS_SHARE = 0.05
FEWEST_ROWS_A_CLASS = 3
MOST_TEXT_CLASSES = 100
EXAMPLES, LONGEST_EXAMPLE = 3, 40


def choose_target(raw: RawTable, name: str | None) -> tuple[int, str]:
    """Returns the position of the target column, and the reason for the choice.

    Raises:
        DataError: There is no column of that name, or only one column at all.
    """
    if len(raw.names) < 2:
        name = raw.names[0]
        is_several = any(not (c.isalnum() or c in "_ ") for c in name)
        raise DataError(
            f"{raw.where} has only one column, {name!r}: a target and at least one column to "
            "predict it from are needed"
            + (". If the separator was missed, set data.delimiter" if is_several else "")
        )
    if name is not None:
        position = raw.position(name, "the target")
        n_equal = sum(composed(n) == composed(raw.names[position]) for n in raw.names)
        which = f", the last of {n_equal} columns of that name" if n_equal > 1 else ""
        return position, f"given{which}"
    usual = [i for i, n in enumerate(raw.names) if n.strip().lower() in USUAL_NAMES]
    if len(usual) == 1:
        return usual[0], f"inferred from its name; {named('target', 'NAME')} sets another"
    return len(raw.names) - 1, f"inferred: the last column; {named('target', 'NAME')} sets another"


def with_clean_target(
    raw: RawTable, position: int, task: Task | None = None
) -> tuple[RawTable, tuple[Misfits, ...]]:
    """Strips the texts of the target, and empties cells that mean a missing value.

    In a numeric target, a few cells that are not numbers are emptied too, and a note names them.
    Labels are kept unchanged.

    Args:
        raw: The table.
        position: Position of the target column.
        task: The task; None if it is still to be inferred.

    Returns:
        The table, and the emptied cells that are not numbers.
    """
    column, lost = raw.columns[position], None
    if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
        plain = _cleaned(column.cast(pa.string()), raw.reading.marks)
        cleaned = plain.dictionary_encode()
    elif pa.types.is_string(column.type):
        cleaned = _cleaned(column, raw.reading.marks)
        cleaned, lost = _without_misfits(cleaned, raw, position, task)
    else:
        return raw, ()
    columns = (*raw.columns[:position], cleaned, *raw.columns[position + 1 :])
    misfits = () if lost is None else (lost,)
    return replace(raw, columns=columns, notes=(*raw.notes, *map(_lost_text, misfits))), misfits


def _cleaned(column: pa.ChunkedArray, marks: frozenset[str]) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    is_mark = pc.is_in(trimmed, pa.array(sorted(marks), pa.string()))
    return pc.if_else(is_mark, pa.scalar(None, pa.string()), trimmed)


def _without_misfits(
    column: pa.ChunkedArray, raw: RawTable, position: int, task: Task | None
) -> tuple[pa.ChunkedArray, Misfits | None]:
    """Empties the cells of a numeric target that are not numbers, and describes them."""
    if task is not None and task.is_classification:
        return column, None
    indices, distinct = factorize(column)
    found = find_in(indices, distinct, raw.reading)
    if found is None or found.values.null_count == n_special(found):
        return column, None
    if task is None and len(found.values.drop_null().unique()) <= MOST_WHOLE_CLASSES:
        return column, None  # a few numbers and a word are labels
    is_number = found.is_number.take(indices)
    kept = pc.if_else(is_number, column.combine_chunks(), pa.scalar(None, pa.string()))
    odd = distinct.filter(pc.invert(found.is_number))[:EXAMPLES].to_pylist()
    rows = np.flatnonzero(pc.invert(is_number).fill_null(False))
    lost = Misfits(
        raw.names[position],
        ColumnKind.NUMERIC,
        len(rows),
        raw.n_rows,
        tuple(text[:LONGEST_EXAMPLE] for text in odd),
        raw.row(int(rows[0])),
    )
    return pa.chunked_array([kept]), lost


def _lost_text(lost: Misfits) -> str:
    rows = "1 row is" if lost.n == 1 else f"{lost.n:,} rows are"
    return (
        f"{rows} left out: the target {lost.column!r} is not a number there, such as "
        f"{', '.join(map(repr, lost.examples))}"
    )


def rows_with_value(column: pa.ChunkedArray) -> BoolArray:
    """Whether each row has a value, ``(n_rows,)``; NaN counts as missing."""
    present = column.is_valid().to_numpy()
    if pa.types.is_floating(column.type):
        present = present & ~pc.is_nan(column).fill_null(True).to_numpy()
    return np.asarray(present, dtype=bool)


def read_target(
    raw: RawTable,
    position: int,
    task: Task | None,
    chosen: str = "given",
    among: Collection[Task] = (),
) -> tuple[Target, NDArray[Any]]:
    """Reads the target of rows that have one.

    Args:
        raw: A table of rows that all have a target.
        position: Position of the target column.
        task: The task; None infers it from the values.
        chosen: Reason for this column, as text.
        among: Tasks to infer from; empty for all.

    Returns:
        The target, and class indices (int64) or values (float64), ``(n_rows,)``.

    Raises:
        DataError: The target is constant, has too few rows, or does not fit the task.
    """
    name, column = raw.names[position], raw.columns[position]
    if len(column) < 2:
        n_rows = "no row has" if len(column) == 0 else "only one row has"
        raise DataError(f"{n_rows} a value in the target {name!r}: at least 2 are needed")
    values = read_labels(column, name, raw.reading)
    if values.numbers is not None and not np.isfinite(values.numbers).all():
        first = int(np.flatnonzero(~np.isfinite(values.numbers[values.codes]))[0])
        raise DataError(
            f"the target {name!r} is infinite in row {raw.row(first)}: correct it, or empty the "
            "cell to leave the row out"
        )
    if values.n_distinct < 2:
        raise DataError(
            f"the target {name!r} has the same value {values.labels()[0]!r} in all "
            f"{len(column):,} rows that have one: there is nothing to learn. Use "
            f"{named('target', 'NAME')}"
        )
    if task is None and pa.types.is_dictionary(column.type):
        guessed = Task.BINARY if values.n_distinct == 2 else Task.MULTICLASS
        why = "inferred: the data has it as categories"
    else:
        guessed, why = (task, "given") if task else _infer_task(values, name, among)
    _check_task(guessed, values, raw, position)
    reason = f"target: {name} ({chosen}); task: {guessed} ({why})"
    if not guessed.is_classification:
        assert values.numbers is not None
        return Target(name, guessed, (), reason), values.numbers[values.codes]
    labels = values.labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    classes = tuple(labels[i] for i in order)
    return Target(name, guessed, classes, reason), rank[values.codes]


def only_numbers(among: Collection[Task]) -> Task | None:
    """Regression if ``among`` has tasks but no classification task, otherwise None."""
    return Task.REGRESSION if among and not any(t.is_classification for t in among) else None


def _infer_task(values: LabelValues, name: str, among: Collection[Task] = ()) -> tuple[Task, str]:
    """Infers the task, with the reason.

    Args:
        values: Values of the target.
        name: Name of the target.
        among: Tasks to infer from; empty for all.

    Raises:
        DataError: The values are texts that hardly ever repeat.
    """
    n_rows, n_distinct, other = len(values.codes), values.n_distinct, named("task")
    if (numbers := only_numbers(among)) is not None:
        return numbers, f"from the metric; {other} sets another"
    if among and all(t.is_classification for t in among) and n_distinct > 2:
        return Task.MULTICLASS, f"from the metric; {other} sets another"
    if n_distinct == 2:
        return Task.BINARY, "inferred: 2 distinct values"
    if values.numbers is None:
        if n_distinct > MOST_TEXT_CLASSES and n_distinct > 0.5 * n_rows:
            raise DataError(
                f"the target {name!r} has {n_distinct:,} different texts in {n_rows:,} rows, such "
                f"as {values.odd[:60]!r}: these do not look like classes. Choose another "
                f"{named('target')}, or pass {named('task', 'multiclass')} if they are"
            )
        return Task.MULTICLASS, f"inferred: {n_distinct:,} distinct texts"
    if (values.numbers != np.floor(values.numbers)).any():
        return Task.REGRESSION, f"inferred: numbers with decimals; {other} sets another"
    few = n_distinct <= min(MOST_WHOLE_CLASSES, max(5.0, WHOLE_CLASS_SHARE * n_rows))
    if few and n_distinct * FEWEST_ROWS_A_CLASS <= n_rows:
        other = f"{named('task', 'regression')} if they measure"
        return Task.MULTICLASS, f"inferred: {n_distinct} distinct whole numbers; {other}"
    other = f"{named('task', 'multiclass')} if they are classes"
    return Task.REGRESSION, f"inferred: {n_distinct:,} distinct whole numbers; {other}"


def _check_task(task: Task, values: LabelValues, raw: RawTable, position: int) -> None:
    name = raw.names[position]
    if not task.is_classification and values.numbers is None:
        labels = values.labels()
        odd = values.odd or str(labels[0])
        first = next(i for i, code in enumerate(values.codes) if str(labels[code]) == odd)
        raise DataError(
            f"the target {name!r} is not numeric, such as {odd[:60]!r} in row {raw.row(first)}: "
            f"{task} needs numbers. Use {named('task', 'multiclass')} or another {named('target')}"
        )
    if task is Task.BINARY and values.n_distinct != 2:
        raise DataError(
            f"the target {name!r} has {values.n_distinct:,} different values, binary needs 2: "
            f"use {named('task', 'multiclass')} or regression"
        )
    if task is Task.MULTICLASS and values.n_distinct < 3:
        raise DataError(
            f"the target {name!r} has 2 different values: use {named('task', 'binary')}"
        )
