"""Where the table of a text begins and ends: titles, comments, footers, repeated names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.options import NO_NUMBERS
from automl.data.raw_table import RawTable, listed

__all__ = ["SAMPLE_ROWS", "Layout", "Record", "find_layout", "ignorable", "without_other_lines"]

MOST_ABOVE = 20
LONGEST = 60
FEWEST_BELOW, SAMPLE_ROWS = 10, 200
_COMMENT = re.compile(r"\s*(#|//|%|sep=.?$)")
_TOTAL = r"(?i)^\s*(grand |sub)?(totals?|sums?|average|mean)\s*:?\s*$"
_NUMBER = re.compile(r"\s*[-+]?[$€£]?\s*(\d+([.,]\d+)*|[.,]\d+)([eE][-+]?\d+)?\s*%?\s*$")
_VALUE = re.compile(rf"{_NUMBER.pattern}|\s*\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}\b")
_YEAR = re.compile(r"\s*(19|20)\d\d\s*$")

Record = tuple[int, list[str]]
"""Number of the line that a record begins on, from 1, and its fields."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table stands in a text.

    Attributes:
        names: Of the columns.
        n_above: Lines before the rows that are not read as rows; the line of names is one only
            where it has another number of fields than the rows.
        has_names_as_row: Whether the first row that is read is that of the names.
        notes: What a person should know of it.
    """

    names: tuple[str, ...]
    n_above: int = 0
    has_names_as_row: bool = True
    notes: tuple[str, ...] = ()


def find_layout(records: Sequence[Record], where: str) -> Layout:
    """Finds the line of names among the first records of a text.

    Args:
        records: Of the start of the text, blank lines left out; at least one.
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
            notes.append(f"{where}: the first column has no name, and is taken for names of rows")
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
    """Whether a record may hold the names of so many columns.

    One that begins as a comment, or is nearly blank, may where rows of numbers follow it, such as
    ``#id,weight``.
    """
    fields = records[at][1]
    if len(fields) < width - 1:
        return False
    if not _COMMENT.match(fields[0]) and not (width > 2 and _is_nearly_blank(fields)):
        return True
    after = records[at + 1][1] if at + 1 < len(records) else ()
    return len(fields) == width and any(_NUMBER.match(field) for field in after)


def _is_nearly_blank(fields: Sequence[str]) -> bool:
    return sum(bool(f.strip()) for f in fields) <= 1


def _is_no_row(fields: Sequence[str]) -> bool:
    return _is_nearly_blank(fields) or bool(_COMMENT.match(fields[0]))


def _like_a_row(names: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> tuple[str, ...]:
    """Says so where the names could be a row: the first one may have been taken for them.

    All are numbers, or each is what its column holds: a number or date among such, or a text that
    the column has again.
    """
    rows = [row for row in rows if len(row) == len(names)]
    if len(names) < 2 or not (
        all(map(_NUMBER.match, names))
        or (rows and _are_values(names, list(zip(*rows, strict=True))))
    ):
        return ()
    return (
        f"{where}: the first line, {listed(names, 4)}, is taken for the column names. If the file "
        "has none, write a line of names above it",
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
        is_told = is_told or not _YEAR.match(name)  # columns are called by years
    return is_told and any(map(_VALUE.match, names))


def ignorable(odd: Sequence[tuple[int, str, int]], n_rows: int, header_line: int) -> bool:
    """Whether lines with another number of fields are blank, comments, or stand below the table.

    Args:
        odd: Number of the line, its text and its number of fields, in order.
        n_rows: Rows with the right number of fields, that of the names left out.
        header_line: Number of the line of names.
    """
    for place, (line, text, n_fields) in enumerate(odd):
        is_below = n_fields == 1 and line >= header_line + n_rows + place + 1
        if text.strip() and not _COMMENT.match(text) and not is_below:
            return False
    return True


def without_other_lines(raw: RawTable) -> RawTable:
    """Leaves out lines that repeat the column names, and a total below the last row.

    In a lone column the name may be a value, such as a label that is called ``prediction``.
    """
    keep = np.ones(raw.n_rows, dtype=bool)
    notes = list(raw.notes)
    repeats = pc.equal(raw.columns[0], raw.names[0]).fill_null(False)
    if len(raw.columns) > 1 and raw.n_rows and pc.any(repeats).as_py():
        for name, column in zip(raw.names[1:], raw.columns[1:], strict=True):
            same = pc.equal(column, name) if name else column.is_null()
            repeats = pc.and_(repeats, same.fill_null(False))
        again = repeats.to_numpy(zero_copy_only=False).astype(bool)
        keep &= ~again
        if n := int(again.sum()):
            lines = "1 line repeats" if n == 1 else f"{n:,} lines repeat"
            left_out = "is" if n == 1 else "are"
            notes.append(f"{raw.where}: {lines} the column names and {left_out} left out")
    if (total := _total(raw)) is not None:
        keep[-1] = False
        notes.append(f"{raw.where}: the last row is left out, as it is a sum of others: {total!r}")
    if (units := _units(raw)) and keep[0]:
        keep[0] = False
        notes.append(
            f"{raw.where}: the line below the names is left out, as it holds no numbers where "
            f"others do: {listed(units, 4)}"
        )
    raw = replace(raw, notes=tuple(notes))
    return raw if keep.all() or not keep.any() else raw.with_rows(keep)


def _total(raw: RawTable) -> str | None:
    """What says that the last row is a total; None where it is a row like others.

    A total has numbers behind its name. A label such as ``Total`` in the last column has none.
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


def _units(raw: RawTable) -> list[str]:
    """What stands in the first row above columns of numbers, such as units; none in a usual row."""
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
    text = text.strip().strip(",")
    return repr(text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}...")
