"""Recognizes files that are not delimited text by their first bytes, and refuses them."""

from __future__ import annotations

import re
from pathlib import Path

from automl.data.read.workbook import OLD_MAGIC, ZIP_MAGIC, is_workbook, refuse_old
from automl.errors import DataError

__all__ = ["SQL_FIX", "refuse_binary", "refuse_markup"]

_IMAGE = ("an image", "name the folder that it is in, or a table with a column of paths")
_ARCHIVE = "unpack it, and name the file in it"
_MAGICS = {
    b"PAR1": ("a Parquet file", "rename it to end in .parquet"),
    b"ARROW1": ("an Arrow file", "rename it to end in .arrow"),
    b"SQLite format 3": (
        "an SQLite database",
        "name it as sqlite:///path, with data.sql='select ...'",
    ),
    b"\x89PNG": _IMAGE,
    b"\xff\xd8\xff": _IMAGE,
    b"%PDF": ("a PDF document", "save the table in it as CSV"),
    b"\x7fELF": ("a program", "name a table"),
    b"\x89HDF": ("an HDF5 file", "save the table as Parquet or CSV"),
    b"7z\xbc\xaf": ("a 7-Zip archive", _ARCHIVE),
    b"Rar!": ("an RAR archive", _ARCHIVE),
    b"\xfd7zXZ": ("an .xz archive", "decompress it, or compress it as .gz, .zst or .bz2"),
}
SQL_FIX = (
    "Export the table as CSV, or load it into a database and name that (postgresql://... or "
    "sqlite:///path, with data.sql='select ...')"
)
_SQL = re.compile(
    r"^(?:insert into\s|create table\s|copy\s.*from stdin;|begin transaction;|pragma\s"
    r"|-- (?:mysql|mariadb|postgresql|sqlite).*dump)",
    re.IGNORECASE | re.MULTILINE,
)
_JSON = re.compile(r'\[?\s*\{\s*"[^"]*"\s*:')


def refuse_binary(path: Path, start: bytes) -> None:
    """Refuses a binary file.

    Args:
        path: Path of the file.
        start: Its first 16 bytes.

    Raises:
        DataError: The file is binary; the message names its format and what to do.
    """
    if start.startswith(ZIP_MAGIC):
        if is_workbook(path):
            raise DataError(
                f"{path} is an Excel file: rename it to end in .xlsx, or save the sheet as CSV"
            )
        raise DataError(f"{path} is a zip archive: {_ARCHIVE}")
    if start.startswith(OLD_MAGIC):
        raise refuse_old(path)
    for magic, (what, fix) in _MAGICS.items():
        if start.startswith(magic):
            raise DataError(f"{path} is {what}, not a table as text: {fix}")


def refuse_markup(text: str, where: str) -> None:
    """Refuses HTML, XML, JSON and SQL in a file named like delimited text.

    Args:
        text: The start of the file.
        where: Name of the file.

    Raises:
        DataError: The text is HTML, XML, JSON or SQL.
    """
    start = text[:1000].lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<?xml", "<table", "<svg")):
        what = "XML" if start.startswith(("<?xml", "<svg")) else "a web page"
        raise DataError(f"{where}, line 1: this is {what}, not a table as text. Save it as CSV")
    if found := _SQL.search(text[:1000]):
        line = text[: found.start()].count("\n") + 1
        raise DataError(f"{where}, line {line}: this is SQL, not a table as text. {SQL_FIX}")
    if _JSON.match(start):
        raise DataError(
            f"{where}, line 1: this is JSON, not a table as text: rename it to end in .json or "
            ".jsonl"
        )
