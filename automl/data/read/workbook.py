"""Checks an Excel file before it is parsed: format, size, formulas without saved values."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from automl.data.read.streams import BOMB_BYTES, BOMB_RATIO
from automl.errors import DataError
from automl.formatting import first_line

__all__ = [
    "OLD_MAGIC",
    "ZIP_MAGIC",
    "check_workbook",
    "damaged",
    "is_workbook",
    "measure_sheet",
    "refuse_old",
]

ZIP_MAGIC = b"PK\x03\x04"
OLD_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LARGEST_PART_BYTES = 2 << 30
MOST_CELLS = 40_000_000
"""Largest rectangle that a sheet may span; the parser allocates about 24 bytes per cell."""
_UNREAD = ("xl/worksheets/", "xl/media/", "xl/drawings/", "xl/charts/", "xl/embeddings/")
_BLOCK_BYTES = 1 << 22
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]+)(\d+)"[^>]*(?<!/)>')
_FORMULA = re.compile(rb"</(?:\w+:)?f>(?:<(?:\w+:)?v\s*(?:/>|></(?:\w+:)?v>))?</(?:\w+:)?c>")
_PASSWORD = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True, slots=True)
class _SheetSize:
    """The extent of a sheet.

    Attributes:
        n_rows: Number of the last row with a non-empty cell.
        n_columns: Number of the last column with such a cell.
        last: A cell in that column, such as ``XFD7``.
        n_blank_formulas: Number of cells with a formula whose value was not saved.
    """

    n_rows: int = 0
    n_columns: int = 0
    last: str = ""
    n_blank_formulas: int = 0


def refuse_old(path: Path) -> DataError:
    """Returns the error for a file in the format of Excel before 2007, or an encrypted one.

    Args:
        path: Path of a file that starts with ``OLD_MAGIC``.
    """
    if _PASSWORD in path.read_bytes():
        return DataError(
            f"{path} is protected by a password: remove it in Excel (File, Info, Protect "
            "Workbook, Encrypt with Password), or save the sheet as CSV"
        )
    return DataError(
        f"{path} is an Excel file of the old format (.xls), or another Office document: save it as "
        ".xlsx or CSV"
    )


def check_workbook(path: Path) -> None:
    """Checks that the parts of an Excel file other than its sheets are intact and not too large.

    Raises:
        DataError: A part is damaged, or exceeds the size limits.
    """
    with _opened(path) as file:
        for name in file.namelist():
            folder, _, _ = name.partition("/")
            if folder in ("xl", "[Content_Types].xml", "_rels") and not name.startswith(_UNREAD):
                for _ in _blocks(file, name, path):
                    pass


def measure_sheet(path: Path, sheet: str) -> _SheetSize:
    """Measures one sheet of an Excel file by scanning its XML as text.

    Args:
        path: Path of the file.
        sheet: Name of the sheet.

    Returns:
        The extent of the sheet; all 0 if its part is not found.

    Raises:
        DataError: The sheet is damaged, exceeds the size limits, or spans too many cells.
    """
    with _opened(path) as file:
        part = _part_of(file, sheet, path)
        found = _SheetSize() if part is None else _scan(_blocks(file, part, path))
    if found.n_rows * found.n_columns > MOST_CELLS:
        raise DataError(
            f"{path}: the sheet {sheet!r} spans {found.n_rows:,} rows and {found.n_columns:,} "
            f"columns, up to the cell {found.last}. Delete cells far from the table, or save it "
            "as CSV"
        )
    return found


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, RuntimeError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: BaseException) -> DataError:
    """Returns the error for an Excel file that cannot be read."""
    reason = first_line(error, 150)
    if reason.isalpha():  # the parser names only the element without an end
        reason = f"the element <{reason}> has no end"
    return DataError(
        f"{path} is a damaged Excel file: {reason}. Open and save it again in Excel, or save the "
        "sheet as CSV"
    )


def _blocks(file: zipfile.ZipFile, name: str, path: Path) -> Iterator[bytes]:
    """Yields a part of the file in blocks; its checksum is compared at the end.

    Raises:
        DataError: The part exceeds the size limits.
    """
    info, n_read = file.getinfo(name), 0
    with file.open(info) as part:
        while block := part.read(_BLOCK_BYTES):
            n_read += len(block)
            too_dense = n_read > BOMB_BYTES and n_read > BOMB_RATIO * info.compress_size
            if too_dense or n_read > LARGEST_PART_BYTES:
                raise DataError(
                    f"{path}: {name} in it grows to more than {n_read >> 20:,} MiB when "
                    "decompressed. Save the sheet as CSV"
                )
            yield block


def _part_of(file: zipfile.ZipFile, sheet: str, path: Path) -> str | None:
    """Name of the part that holds a sheet."""
    names = set(file.namelist())
    book, relations = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
    if book not in names or relations not in names:
        return None
    targets = {}
    for element in re.findall(rb"<Relationship\b[^>]*>", b"".join(_blocks(file, relations, path))):
        targets[_attribute(element, "Id")] = _attribute(element, "Target")
    for element in _SHEET.findall(b"".join(_blocks(file, book, path))):
        if _attribute(element, "name") == sheet:
            target = targets.get(_attribute(element, r"\w+:id"), "")
            part = posixpath.normpath(posixpath.join("xl", target)).lstrip("/")
            return part if part in names else None
    return None


def _attribute(element: bytes, name: str) -> str:
    from html import unescape

    found = re.search(
        rf'\b{name}\s*=\s*(?:"([^"]*)"|\'([^\']*)\')', element.decode("utf-8", "replace")
    )
    return unescape(found[1] or found[2] or "") if found else ""


def _scan(blocks: Iterator[bytes]) -> _SheetSize:
    """Finds the last cells and the formulas without a value; a block may end within a tag."""
    size, rest = _SheetSize(), b""
    for block in blocks:
        text = rest + block
        cut = text.rfind(b"<c ") if len(text) > len(rest) else -1
        cut = cut if cut > 0 else len(text)
        size, rest = _with_cells(size, text[:cut]), text[cut:]
        if len(rest) > _BLOCK_BYTES:  # one cell of megabytes
            rest = rest[-_BLOCK_BYTES:]
    return _with_cells(size, rest)


def _with_cells(size: _SheetSize, text: bytes) -> _SheetSize:
    cells = _CELL.findall(text)
    n_blank = size.n_blank_formulas + len(_FORMULA.findall(text))
    if not cells:
        return replace(size, n_blank_formulas=n_blank)
    widest = max({letters for letters, _ in cells}, key=_number)
    n_columns, last = size.n_columns, size.last
    if _number(widest) > n_columns:
        n_columns = _number(widest)
        last = next(f"{a.decode()}{b.decode()}" for a, b in cells if a == widest)
    n_rows = max(size.n_rows, *(int(row[:9]) for row in {row for _, row in cells}), 0)
    return _SheetSize(n_rows, n_columns, last, n_blank)


def _number(letters: bytes) -> int:
    """Number of a column by its letters, from 1."""
    number = 0
    for letter in letters[:4]:
        number = number * 26 + letter - ord("A") + 1
    return number


def is_workbook(path: Path) -> bool:
    """Whether a zip file is an Excel workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
