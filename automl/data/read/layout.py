"""Finds the line of names of a text file, below titles and comments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from automl.data.raw_table import format_names
from automl.formatting import shortened

__all__ = ["COMMENT", "NUMBER", "VALUE", "Layout", "Record", "find_layout"]

MOST_ABOVE = 20
LONGEST = 60
COMMENT = re.compile(r"\s*(#|//|%|sep=.?$|EXTF$|DTVF$|[-=]*\+[-+=]+$)")
"""Starts of lines that are not rows: comments, DATEV's first line, rules such as ``+---+---+``."""
NUMBER = re.compile(r"\s*[-+]?[$€£]?\s*(\d+([.,]\d+)*|[.,]\d+)([eE][-+]?\d+)?\s*%?\s*$")
VALUE = re.compile(rf"{NUMBER.pattern}|\s*\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}\b")
_YEAR = re.compile(r"\s*(19|20)\d\d\s*$")

Record = tuple[int, list[str]]
"""Number of the first line of a record, from 1, and its fields."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The position of a table in a text.

    Attributes:
        names: Names of the columns.
        n_above: Number of lines to skip; includes the line of names only if its field count
            differs from that of the rows.
        has_names_as_row: Whether the first row read is the line of names.
        notes: Notes for the user.
    """

    names: tuple[str, ...]
    n_above: int = 0
    has_names_as_row: bool = True
    notes: tuple[str, ...] = ()


def find_layout(records: Sequence[Record], where: str) -> Layout:
    """Finds the line of names among the first records of a text.

    Args:
        records: Records at the start of the text, without blank lines; at least one.
        where: Name of the file, for notes.
    """
    first = Layout(tuple(records[0][1]))
    width = _width(records)
    at = next((i for i in range(len(records)) if _may_be_names(records, i, width)), 0)
    above, (line, fields), rows = records[:at], records[at], records[at + 1 :]
    are_titles = all(_is_no_row(f) for _, f in above) or (
        all(_is_no_row(f) or 2 * len(f) <= width for _, f in above)
        and _are_names(fields, [f for _, f in rows if len(f) == width])
    )
    if at > MOST_ABOVE or not are_titles or not rows:
        return replace(first, notes=_like_a_row(first.names, [f for _, f in records[1:]], where))
    names, notes, is_row = tuple(fields), list[str](), True
    n_above = line - 1 if above else 0
    if len(fields) == width - 1 and all(len(f) == width for _, f in rows):
        is_row, n_above = False, line
        if all(f[-1].strip() == "" for _, f in rows):
            names = (*names, "")
        else:
            names = ("", *names)
            notes.append(f"{where}: the first column has no name and is read as names of rows")
    if told := [fields for _, fields in above if any(f.strip() for f in fields)]:
        some = "; ".join(_shown(",".join(fields)) for fields in told[:3])
        notes.append(f"{where}: the table begins in line {line}, below {some}")
    notes += _like_a_row(names, [fields for _, fields in rows], where)
    return Layout(names, n_above, is_row, tuple(notes))


def _are_names(fields: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether texts that all differ stand above rows that also hold numbers or dates."""
    fields = fields[: len(fields) - (not fields[-1].strip())]  # a separator may end all lines
    are_words = all(f.strip() and (_YEAR.match(f) or not VALUE.match(f)) for f in fields)
    have_values = bool(rows) and all(any(map(VALUE.match, row)) for row in rows)
    return are_words and len(set(fields)) == len(fields) and have_values


def _width(records: Sequence[Record]) -> int:
    """The number of fields that most records have."""
    counts = Counter(len(fields) for _, fields in records)
    return max(counts, key=lambda width: (counts[width], width))


def _may_be_names(records: Sequence[Record], at: int, width: int) -> bool:
    """Whether a record may hold the names of ``width`` columns.

    A record that begins like a comment or is nearly blank may, if rows of numbers follow it, such
    as ``#id,weight``.
    """
    fields = records[at][1]
    if len(fields) < width - 1 or _is_padded_title(records, at, width):
        return False
    if not COMMENT.match(fields[0]) and not (width > 2 and _is_nearly_blank(fields)):
        return True
    after = records[at + 1][1] if at + 1 < len(records) else ()
    return len(fields) == width and any(NUMBER.match(field) for field in after)


def _is_padded_title(records: Sequence[Record], at: int, width: int) -> bool:
    """Whether a record is a line such as ``Period;2023;;;;`` above a whole line of names.

    Spreadsheets fill titles up to the width of the table.
    """
    return _is_mostly_blank(records[at][1]) and any(
        len(fields) == width and all(f.strip() and not VALUE.match(f) for f in fields)
        for _, fields in records[at + 1 : at + 1 + MOST_ABOVE]
    )


def _is_mostly_blank(fields: Sequence[str]) -> bool:
    return sum(bool(f.strip()) for f in fields) <= len(fields) // 3


def _is_nearly_blank(fields: Sequence[str]) -> bool:
    return sum(bool(f.strip()) for f in fields) <= 1


def _is_no_row(fields: Sequence[str]) -> bool:
    return _is_nearly_blank(fields) or _is_mostly_blank(fields) or bool(COMMENT.match(fields[0]))


def _like_a_row(names: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> tuple[str, ...]:
    """Returns a note if the names look like a row of the table.

    They do if all are numbers, or if each fits its column: a number or date among such, or a text
    that the column repeats.
    """
    rows = [row for row in rows if len(row) == len(names)]
    are_values = all(map(NUMBER.match, names)) or (
        rows and _are_values(names, list(zip(*rows, strict=True)))
    )
    if len(names) < 2 or not are_values:
        return ()
    return (
        f"{where}: the first line, {format_names(names, 4)}, is used as the column names. "
        "If the file has none, write a line of names above it",
    )


def _are_values(names: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    is_told = False
    for name, column in zip(names, columns, strict=True):
        is_value = VALUE.match(name) is not None
        share = sum(VALUE.match(field) is not None for field in column) / len(column)
        if is_value != (share > 0.5):
            return False
        if not is_value and name not in column:
            if len(set(column)) <= 0.5 * len(column):
                return False  # the column repeats its texts, but not this one
            continue
        is_told = is_told or not _YEAR.match(name)  # years are common column names
    return is_told and any(map(VALUE.match, names))


def _shown(text: str) -> str:
    return repr(shortened(text.strip().strip(","), LONGEST))
