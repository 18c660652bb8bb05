"""Finds the table within a text file: skips titles, comments, totals, units, repeated names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.options import NO_NUMBERS
from automl.data.raw_table import RawTable, format_names
from automl.formatting import shortened

__all__ = ["SAMPLE_ROWS", "Layout", "Record", "find_layout", "ignorable", "without_other_lines"]

MOST_ABOVE = 20
LONGEST = 60
FEWEST_BELOW, SAMPLE_ROWS = 10, 200
_COMMENT = re.compile(r"\s*(#|//|%|sep=.?$)")
_TOTAL = r"(?i)^\s*(grand |sub)?(totals?|sums?|average|mean)\s*:?\s*$"
_NUMBER = re.compile(r"\s*[-+]?[$€£]?\s*(\d+([.,]\d+)*|[.,]\d+)([eE][-+]?\d+)?\s*%?\s*$")
_VALUE = re.compile(rf"{_NUMBER.pattern}|\s*\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}\b")
_RULE = re.compile(r"\s*[:+]?(-{2,}|={2,})[:+]?\s*$")
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
    if at > MOST_ABOVE or not all(_is_no_row(f) for _, f in above) or not rows:
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
    if not _COMMENT.match(fields[0]) and not (width > 2 and _is_nearly_blank(fields)):
        return True
    after = records[at + 1][1] if at + 1 < len(records) else ()
    return len(fields) == width and any(_NUMBER.match(field) for field in after)


def _is_padded_title(records: Sequence[Record], at: int, width: int) -> bool:
    """Whether a record is a line such as ``Period;2023;;;;`` above a whole line of names.

    Spreadsheets fill titles up to the width of the table.
    """
    return _is_mostly_blank(records[at][1]) and any(
        len(fields) == width and all(f.strip() and not _VALUE.match(f) for f in fields)
        for _, fields in records[at + 1 : at + 1 + MOST_ABOVE]
    )


def _is_mostly_blank(fields: Sequence[str]) -> bool:
    return sum(bool(f.strip()) for f in fields) <= len(fields) // 3


def _is_nearly_blank(fields: Sequence[str]) -> bool:
    return sum(bool(f.strip()) for f in fields) <= 1


def _is_no_row(fields: Sequence[str]) -> bool:
    return _is_nearly_blank(fields) or _is_mostly_blank(fields) or bool(_COMMENT.match(fields[0]))


def _like_a_row(names: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> tuple[str, ...]:
    """Returns a note if the names look like a row of the table.

    They do if all are numbers, or if each fits its column: a number or date among such, or a text
    that the column repeats.
    """
    rows = [row for row in rows if len(row) == len(names)]
    are_values = all(map(_NUMBER.match, names)) or (
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
        is_value = _VALUE.match(name) is not None
        share = sum(_VALUE.match(field) is not None for field in column) / len(column)
        if is_value != (share > 0.5):
            return False
        if not is_value and name not in column:
            if len(set(column)) <= 0.5 * len(column):
                return False  # the column repeats its texts, but not this one
            continue
        is_told = is_told or not _YEAR.match(name)  # years are common column names
    return is_told and any(map(_VALUE.match, names))


def ignorable(odd: Sequence[tuple[int, str, int]], n_rows: int, header_line: int) -> bool:
    """Whether lines with a wrong field count are blank, comments, or below the table.

    Args:
        odd: Number, text and field count of each such line, in order.
        n_rows: Number of rows with the right field count, without the line of names.
        header_line: Number of the line of names.
    """
    return all(
        not text.strip()
        or _COMMENT.match(text)
        or (n_fields == 1 and line > header_line + n_rows + place)
        for place, (line, text, n_fields) in enumerate(odd)
    )


def without_other_lines(raw: RawTable) -> RawTable:
    """Drops lines that repeat the column names, a total in the last row, and units in the first.

    In a table of one column repeated names are kept: they may be values, such as a label
    ``prediction``.
    """
    keep = np.ones(raw.n_rows, dtype=bool)
    notes = list(raw.notes)
    repeats = pc.equal(raw.columns[0], raw.names[0]).fill_null(False)
    if len(raw.columns) > 1 and raw.n_rows and pc.any(repeats).as_py():
        for name, column in zip(raw.names[1:], raw.columns[1:], strict=True):
            same = pc.equal(column, name) if name else column.is_null()
            repeats = pc.and_(repeats, same.fill_null(False))
        keep = ~repeats.to_numpy(zero_copy_only=False).astype(bool)
        if n := int((~keep).sum()):
            lines, are = ("1 line repeats", "is") if n == 1 else (f"{n:,} lines repeat", "are")
            notes.append(f"{raw.where}: {lines} the column names and {are} left out")
    if (total := _total(raw)) is not None:
        keep[-1] = False
        notes.append(f"{raw.where}: the last row is left out, as it is a sum of others: {total!r}")
    if _begins_with_rule(raw):
        keep[0] = False
        notes.append(f"{raw.where}: the rule below the names is left out")
    elif (units := _units(raw)) and keep[0]:
        keep[0] = False
        notes.append(
            f"{raw.where}: the line below the names is left out, as it holds no numbers where "
            f"others do: {format_names(units, 4)}"
        )
    raw = replace(raw, notes=tuple(notes))
    return raw if keep.all() or not keep.any() else raw.with_rows(keep)


def _total(raw: RawTable) -> str | None:
    """The text that marks the last row as a total; None if it is an ordinary row.

    A total has numbers after its name, unlike a label ``Total`` in the last column.
    """
    if raw.n_rows < 3:
        return None
    last = [column[-1].as_py() for column in raw.columns]
    for place, text in enumerate(last[:2]):
        if text is None:
            continue
        is_total = pc.match_substring_regex(pa.array([text]), _TOTAL)[0].as_py()
        has_sums = any(_NUMBER.match(cell or "") for cell in last[place + 1 :])
        if is_total and has_sums and pc.sum(pc.equal(raw.columns[place], text)).as_py() == 1:
            return str(text)
    return None


def _begins_with_rule(raw: RawTable) -> bool:
    """Whether the first row is a line such as ``|---|:--:|`` of a Markdown table."""
    cells = [column[0].as_py() for column in raw.columns] if raw.n_rows else []
    told = [cell for cell in cells if cell]
    return len(told) > 1 and all(_RULE.match(str(cell)) for cell in told)


def _units(raw: RawTable) -> list[str]:
    """Texts in the first row of numeric columns, such as units; empty for an ordinary row."""
    if raw.n_rows < FEWEST_BELOW:
        return []
    found = []
    for column in raw.columns:
        first, *others = column.slice(0, SAMPLE_ROWS).to_pylist()
        others = [text for text in others if text is not None]
        if len(others) < FEWEST_BELOW - 1 or not all(map(_NUMBER.match, others)):
            continue
        word = (first or "").strip()
        if word.lower() in NO_NUMBERS or _NUMBER.match(word):
            return []
        found.append(word)
    return found if len(found) > 1 else []


def _shown(text: str) -> str:
    return repr(shortened(text.strip().strip(","), LONGEST))
