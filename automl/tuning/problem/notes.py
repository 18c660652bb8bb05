"""Notes on a table for the user, before the search."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from automl.data.columns.identifiers import is_identifier
from automl.data.columns.useless import ID_LIKE
from automl.data.table import Column, Dataset, Target
from automl.plugin.task import ColumnKind
from automl.surface import named

__all__ = ["notes_of"]

MOST_LINES = 3
"""Largest number of columns with the same problem that get one line each."""
_NOUNS = {
    ColumnKind.DATETIME: ("a date", "dates"),
    ColumnKind.BOOLEAN: ("true or false", "true or false"),
}


def notes_of(dataset: Dataset) -> list[str]:
    """Notes on ignored columns and rows, lost values, and doubtful kinds."""
    notes = [*_left_out(dataset.table.columns), *_misfits(dataset.table.used)]
    notes += [f"column {c.name!r}: {c.doubt}" for c in dataset.table.used if c.doubt]
    notes += _identifier_notes(dataset)
    notes += dataset.notes
    notes += _alike(dataset.target)
    if dataset.n_dropped:
        n = dataset.n_dropped
        notes.append(f"{n:,} row{'s' * (n != 1)} ignored: no target")
    if dataset.n_zero_weight:
        n = dataset.n_zero_weight
        notes.append(f"{n:,} row{'s' * (n != 1)} ignored: weight 0")
    return notes


def _alike(target: Target) -> Iterator[str]:
    """Labels that differ only by case, spaces or accents: they may be one class."""
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


def _left_out(columns: Sequence[Column]) -> Iterator[str]:
    """Ignored columns: one line each, or one line for many with the same kind of reason."""
    by_reason: dict[str, list[Column]] = {}
    for column in columns:
        if column.left_out:
            by_reason.setdefault(column.left_out.partition(":")[0], []).append(column)
    for group in by_reason.values():
        if len(group) <= MOST_LINES:
            yield from (
                f"column {c.name!r} ignored: {_said(c.left_out)}{_way_in(c)}" for c in group
            )
            continue
        some = ", ".join(repr(c.name) for c in group[:MOST_LINES])
        way = "; data.kinds={NAME: numeric} uses one" if any(map(_way_in, group)) else ""
        yield (
            f"{len(group):,} columns ignored, such as {some}: {_of_all(group)}{way}; `automl "
            "inspect` lists them"
        )


def _of_all(group: Sequence[Column]) -> str:
    """The common reason of several columns: in full if all are equal, else the shared part."""
    reason = group[0].left_out
    if all(column.left_out == reason for column in group):
        return _said(reason)
    return "they look like ids" if reason.startswith(ID_LIKE) else reason.partition(":")[0]


def _said(reason: str) -> str:
    """A reason as a sentence; for an id it begins with what the column looks like."""
    return reason.replace(ID_LIKE, "it looks like an id: ", 1)


def _misfits(columns: Sequence[Column]) -> Iterator[str]:
    """Values that were lost because they do not fit their column's kind."""
    lossy = [column for column in columns if column.n_misfits]
    if len(lossy) > MOST_LINES:
        n = sum(column.n_misfits for column in lossy)
        some = ", ".join(f"{c.misfits[0]!r} in {c.name!r}" for c in lossy[:MOST_LINES])
        yield (
            f"{n:,} values of {len(lossy):,} columns do not fit and count as missing, such as "
            f"{some}; `automl inspect` lists them"
        )
        return
    for column in lossy:
        n, some = column.n_misfits, ", ".join(map(repr, column.misfits))
        one, many = _NOUNS.get(column.kind, ("a number", "numbers"))
        verb = f"value is not {one} and counts" if n == 1 else f"values are not {many} and count"
        yield f"column {column.name!r}: {n:,} {verb} as missing, such as {some}"


def _identifier_notes(dataset: Dataset) -> Iterator[str]:
    """Whole numbers treated as categories, and the new rows for which the score holds."""
    names = [column.name for column in dataset.table.used if is_identifier(column)]
    if not names:
        return
    some = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3:,} more" * (len(names) > 3))
    text = f"column {some} is a category: its numbers look like identifiers, and their"
    if len(names) > 1:
        text = f"columns {some} are categories: their numbers look like identifiers, and their"
    text += (
        f" order explains less of the target. data.kinds={{{names[0]}: numeric}} makes it a number"
    )
    if dataset.group is None:
        text += (
            ". The score is for identifiers seen in training: if new rows have others, "
            f"validate with {named('group', names[0])}"
        )
    yield text


def _way_in(column: Column) -> str:
    """The setting that uses a number that looks like an id as a feature: it may be a rank."""
    is_number = column.left_out.startswith(ID_LIKE) and column.kind is ColumnKind.NUMERIC
    return f"; data.kinds={{{column.name}: numeric}} uses it" if is_number else ""
