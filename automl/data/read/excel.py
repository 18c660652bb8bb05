"""Reads a sheet of an Excel file as a table of texts, which are typed like those of a CSV file."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from automl.data.raw_table import RawTable, format_names, suggestion
from automl.data.read.layout import find_layout
from automl.data.read.other_lines import SAMPLE_ROWS, without_other_lines
from automl.data.read.workbook import (
    OLD_MAGIC,
    ZIP_MAGIC,
    check_workbook,
    damaged,
    measure_sheet,
    refuse_old,
)
from automl.errors import DataError
from automl.surface import named

__all__ = ["EXCEL_ENDINGS", "OTHER_ENDINGS", "read_excel"]

EXCEL_ENDINGS = (".xlsx", ".xlsm")
OTHER_ENDINGS = (".xls", ".xlsb", ".ods", ".numbers")
CHUNK_ROWS = 10_000
EXACT = 10**16
"""Whole numbers below this are written with all digits; longer ones are codes anyway."""

Merged = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell of a merged range, as (row, column) from 0."""


def read_excel(path: Path, sheet: str | None, *, again: bool = False) -> RawTable:
    """Reads a sheet of an Excel file.

    Args:
        path: Path of the file.
        sheet: Name of the sheet, or its number from 1; None for the first one.
        again: Whether the sheet was named for another file; then its name is ignored if this file
            has a single sheet.

    Raises:
        DataError: The file is not an Excel file, is protected, damaged or of the old format, or
            has no such sheet; or the extra ``excel`` is not installed.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if path.suffix.lower() not in EXCEL_ENDINGS:
        raise DataError(f"{path} is a compressed Excel file: decompress it first")
    if start == OLD_MAGIC:
        raise refuse_old(path)
    if not start.startswith(ZIP_MAGIC):
        raise DataError(
            f"{path} is not an Excel file, though its name ends in {path.suffix}: if it is text, "
            "rename it to end in .csv"
        )
    try:
        import python_calamine
    except ImportError:
        raise DataError(
            f"{path} is an Excel file: save the sheet as CSV, or install the reader: "
            "pip install 'automl-search[excel]'"
        ) from None
    check_workbook(path)
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            name, others = _chosen(book, sheet, path, again)
            size = measure_sheet(path, name)
            raw = _table(book.get_sheet_by_name(name), path.name, name, others)
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise damaged(path, error) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # from the parser; a BaseException
            raise
        raise damaged(path, error) from None
    return _with_notes(raw, name, others, size.n_blank_formulas)


def _chosen(book: Any, wanted: str | None, path: Path, again: bool) -> tuple[str, tuple[str, ...]]:
    """Names of the sheet to read, and of the other sheets with cells.

    Raises:
        DataError: There is no such sheet, or none at all.
    """
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    sheets = [s for s in book.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
    names = [str(s.name) for s in sheets]
    visible = [str(s.name) for s in sheets if s.visible == SheetVisibleEnum.Visible] or names
    if not names:
        raise DataError(f"{path} has no sheet with cells: save the table as CSV")
    if wanted is None:
        chosen = visible[0]
    elif wanted in names:
        chosen = wanted
    elif wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(names):
        chosen = names[int(wanted) - 1]
    elif again and len(visible) == 1:
        chosen = visible[0]
    else:
        fix = "give the sheet with the rows that name" if again else ""
        fix = fix or f"use {named('data.sheet', 'NAME')} or its number"
        raise DataError(
            f"{path} has no sheet {wanted!r}{suggestion(wanted, names)} "
            f"Its sheets are {format_names(names)}; {fix}"
        )
    return chosen, tuple(name for name in visible if name != chosen)


def _table(sheet: Any, where: str, name: str, others: tuple[str, ...]) -> RawTable:
    """Reads the rows below the line of names as texts, without blank rows.

    Raises:
        DataError: There are no rows.
    """
    more = f"; others are {format_names(others)}: use {named('data.sheet')}" if others else ""
    empty = DataError(f"{where}: the sheet {name!r} is empty{more}")
    if sheet.start is None:
        raise empty
    top, left = sheet.start
    ranges = sheet.merged_cell_ranges or ()
    # columns are counted from the first one that is not empty
    merged = [((row, a - left), (last, b - left)) for (row, a), (last, b) in ranges]
    numbered = _filled(sheet.iter_rows(), top, merged)
    first = list(islice(numbered, SAMPLE_ROWS))
    if not first:
        raise empty
    layout = find_layout(first, where)
    rows_left = [row for row in first if row[0] > layout.n_above]
    names = layout.names
    if layout.has_names_as_row:
        line, _ = rows_left.pop(0)
        names, n_taken = _joined(names, line, rows_left, merged)
        del rows_left[:n_taken]
    notes = layout.notes
    if names != layout.names and layout.has_names_as_row:
        notes = (*notes, f"{where}: column names are joined from merged cells")
    if not rows_left:
        raise DataError(
            f"{where}: the sheet {name!r} has column names but no rows: {format_names(names)}. "
            "Add rows below them"
        )
    chunks = _chunks((fields for _, fields in chain(rows_left, numbered)), len(names))
    raw = RawTable(
        names=names,
        columns=tuple(pa.chunked_array(column) for column in zip(*chunks, strict=True)),
        where=where,
        notes=notes,
    )
    return without_other_lines(raw)


def _filled(
    rows: Iterable[Sequence[Any]], start: int, merged: Sequence[Merged]
) -> Iterator[tuple[int, list[str]]]:
    """Yields non-blank rows with their numbers from 1.

    The value of vertically merged cells is repeated in all of their rows.
    """
    begin: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, right) in merged:
        if bottom > top and left == right:
            begin.setdefault(top, []).append((left, bottom))
    held: dict[int, tuple[int, str]] = {}
    for at, row in enumerate(rows, start):
        fields = [_text(value) for value in row]
        for column, (bottom, text) in list(held.items()):
            if at > bottom:
                del held[column]
            elif not fields[column]:
                fields[column] = text
        for column, bottom in begin.get(at, ()):
            if 0 <= column < len(fields):
                held[column] = bottom, fields[column]
        if any(fields):
            yield at + 1, fields


def _joined(
    names: tuple[str, ...],
    line: int,
    below: Sequence[tuple[int, list[str]]],
    merged: Sequence[Merged],
) -> tuple[tuple[str, ...], int]:
    """Joins names in two lines if cells of the first line are merged horizontally.

    Returns:
        The names, and the number of rows below the first line that belong to them.
    """
    spans = [
        (max(left, 0), right)
        for (top, left), (_, right) in merged
        if top == line - 1 and right > left
    ]
    if not spans or not below:
        return names, 0
    above, second = list(names), below[0][1]
    for left, right in spans:
        for column in range(left, min(right + 1, len(above))):
            above[column] = names[left]
    is_second = all(all(second[left : right + 1]) for left, right in spans)
    if not is_second:
        return tuple(above), 0
    pairs = zip(above, second, strict=True)
    return tuple(a if a == b else f"{a} {b}".strip() for a, b in pairs), 1


def _chunks(rows: Iterator[list[str]], width: int) -> Iterator[list[pa.Array]]:
    """Yields Arrow strings of each column, ``CHUNK_ROWS`` rows at a time."""
    while some := list(islice(rows, CHUNK_ROWS)):
        yield [pa.array(column, pa.string()) for column in zip(*some, strict=True)][:width]


def _text(value: Any) -> str:
    """A cell as text like in a CSV file: ISO dates, whole numbers without a decimal point."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    return str(value)


def _with_notes(raw: RawTable, name: str, others: tuple[str, ...], n_blank: int) -> RawTable:
    notes = list(raw.notes)
    if others:
        notes.append(
            f"{raw.where}: the sheet {name!r} is read, not {format_names(others, 4)}; "
            f"{named('data.sheet', 'NAME')} reads another"
        )
    if n_blank:
        cells = "1 cell holds a formula" if n_blank == 1 else f"{n_blank:,} cells hold formulas"
        notes.append(
            f"{raw.where}: {cells} whose value was not saved, and "
            f"{'counts' if n_blank == 1 else 'count'} as missing. Open and save the file in Excel "
            "once"
        )
    return replace(raw, notes=tuple(notes))
