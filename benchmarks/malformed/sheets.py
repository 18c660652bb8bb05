"""Excel files that are damaged, protected, not what their name says, or laid out for people."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.malformed.draw import Draw, kind
from benchmarks.malformed.workbooks import Failed, Formula, workbook

__all__: list[str] = []

READER = "python_calamine"


def _cells(draw: Draw) -> list[list[Any]]:
    """The table as cells: numbers are numbers."""
    return [
        list(draw.names),
        *([float(row[0]), int(row[1]), *row[2:]] for row in draw.rows),
    ]


@kind("refused", "damaged Excel file|not an Excel file", needs=READER)
def damaged_sheet(draw: Draw) -> Path:
    """A workbook that is cut off, whose bytes were changed, or that is none."""
    content = bytearray(workbook({"Data": _cells(draw)}))
    change = draw.rng.randrange(4)
    if change == 0:
        del content[len(content) * draw.rng.randint(1, 9) // 10 :]
    elif change == 1:
        at = content.index(b"sheet1.xml") + 200
        content[at : at + 60] = random.Random(2).randbytes(60)
    elif change == 2:
        content = bytearray(draw.text().encode())
    else:
        sheet = b"<worksheet><sheetData><row r='1'><c r='A1'><v>1</v>"
        content = bytearray(
            workbook({"Data": _cells(draw)}, extra={"xl/worksheets/sheet1.xml": sheet})
        )
    return draw.save(bytes(content), "data.xlsx")


@kind("refused", "password|old format")
def old_or_protected_sheet(draw: Draw) -> Path:
    """An .xls file, or a workbook with a password, which is of that format inside."""
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    inside = draw.rng.choice(["EncryptedPackage", "Workbook"]).encode("utf-16-le")
    return draw.save(head + inside + bytes(2000), draw.rng.choice(["data.xlsx", "data.xls"]))


@kind("refused", "decompressed|far from the table", needs=READER)
def bomb_in_sheet(draw: Draw) -> Path:
    """A workbook of a thousand times its size, or one that spans all cells there are."""
    head = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    part, text = draw.rng.choice(
        [
            ("xl/worksheets/sheet1.xml", head + far),
            ("xl/worksheets/sheet1.xml", head + b"<row/>" * 30_000_000),
            ("xl/sharedStrings.xml", b"<sst>" + b"<si/>" * 30_000_000),
            ("xl/styles.xml", b" " * 150_000_000),
        ]
    )
    return draw.save(workbook({"Data": _cells(draw)}, extra={part: text}), "data.xlsx")


@kind("either", "", needs=READER)
def changed_parts_of_sheet(draw: Draw) -> Path:
    """A workbook in whose XML letters were changed, taken out or put in."""
    whole = zipfile.ZipFile(io.BytesIO(workbook({"Data": _cells(draw)})))
    name = draw.rng.choice([n for n in whole.namelist() if n.startswith("xl/")])
    part = bytearray(whole.read(name))
    for _ in range(draw.rng.randint(1, 4)):
        at, n = draw.rng.randrange(len(part)), draw.rng.randint(1, 6)
        part[at : at + n] = draw.rng.choice([b"", b"<", b">", b'"', b"1", b"\xff", b"</c>", b"&"])
    return draw.save(workbook({"Data": _cells(draw)}, extra={name: bytes(part)}), "data.xlsx")


@kind("refused", "empty|no rows|no sheet|only one", needs=READER)
def sheet_without_rows(draw: Draw) -> Path:
    """A workbook without a cell, with names alone, or with one cell."""
    cells = draw.rng.choice([[], [draw.names], [["x"], [1], [2]], [[None, None]]])
    return draw.save(workbook({"Data": cells}), "data.xlsx")


@kind("run", "table begins|merged cells|is read, not", needs=READER)
def sheet_laid_out_for_people(draw: Draw) -> Path:
    """A title, merged cells, blank rows and columns, a second sheet, a total."""
    cells = _cells(draw)
    change = draw.rng.randrange(4)
    if change == 0:
        content = workbook({"Data": [["Sales of 2021"], [], *cells]}, merged=["A1:E1"])
    elif change == 1:
        above = ["size", None, "more", None, "y"]
        content = workbook({"Data": [above, *cells]}, merged=["A1:B1", "C1:D1", "E1:E2"])
    elif change == 2:
        content = workbook({"Data": cells, "Notes": [["by hand"]]})
    else:
        padded = [[None, *row, None] for row in cells]
        content = workbook({"Old": [["x"]], "Data": [[], *padded, [], []], "B": []}, hidden=["Old"])
    return draw.save(content, "data.xlsx")


@kind("run", "", needs=READER)
def odd_cells_of_sheet(draw: Draw) -> Path:
    """Errors, formulas without a value, numbers as texts, huge numbers, odd texts."""
    cells = _cells(draw)
    odd: list[Any] = [Failed("#REF!"), Failed("#DIV/0!"), Formula("A1"), "1,234.5", "n.a.", True]
    odd += [1e300, -1e-300, 123456789012345, "", " ", "=1+1", "\U0001f600", "x" * 30_000, None]
    for _ in range(draw.rng.randint(1, 20)):
        cells[draw.rng.randrange(1, len(cells))][draw.rng.randrange(4)] = draw.rng.choice(odd)
    return draw.save(workbook({"Data": cells}), draw.rng.choice(["data.xlsx", "data.xlsm"]))
