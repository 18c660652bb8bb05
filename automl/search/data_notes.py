"""What a person should know of a table before it is searched."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from automl.data.table import Column, Dataset, Target
from automl.data.useless import ID_LIKE
from automl.plugin.task import ColumnKind

__all__ = ["notes_of"]


def notes_of(dataset: Dataset) -> list[str]:
    """Columns and rows that are left out, values that are lost, and what is in doubt."""
    notes = [
        f"column {c.name!r} is left out: {c.left_out}{_way_in(c)}"
        for c in dataset.table.columns
        if c.left_out
    ]
    notes += [note for column in dataset.table.used for note in _reading_notes(column)]
    notes += dataset.notes
    notes += _alike(dataset.target)
    if dataset.n_dropped:
        notes.append(f"{dataset.n_dropped} rows are left out: they have no target")
    if dataset.n_weightless:
        notes.append(f"{dataset.n_weightless} rows are left out: their weight is 0")
    return notes


def _alike(target: Target) -> Iterator[str]:
    """Labels that differ by case, spaces or accents alone: they may be one class."""
    by_plain: dict[str, list[str]] = {}
    for label in target.classes:
        by_plain.setdefault(_plain(str(label)), []).append(str(label))
    for labels in by_plain.values():
        if len(labels) > 1:
            some = " and ".join(map(repr, labels[:3]))
            yield f"the target {target.name!r} has the classes {some}, which may be one"


def _plain(label: str) -> str:
    decomposed = unicodedata.normalize("NFKD", label)
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(letters.casefold().split())


def _reading_notes(column: Column) -> Iterator[str]:
    """What was lost or is in doubt in a column of numbers that stand in texts."""
    if column.n_misfits:
        n, some = column.n_misfits, ", ".join(map(repr, column.misfits))
        verb = "value is not a number and counts" if n == 1 else "values are not numbers and count"
        yield f"column {column.name!r}: {n:,} {verb} as missing, such as {some}"
    if column.doubt:
        yield f"column {column.name!r}: {column.doubt}"


def _way_in(column: Column) -> str:
    """The setting that makes a feature of a number that looks like an id: it may be a rank."""
    is_number = column.left_out.startswith(ID_LIKE) and column.kind is ColumnKind.NUMERIC
    return f"; data.kinds={{{column.name}: numeric}} uses it" if is_number else ""
