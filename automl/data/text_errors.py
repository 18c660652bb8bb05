"""Why a delimited text cannot be read: the line, what stands there, and how to mend it."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from typing import BinaryIO

from automl.errors import DataError

__all__ = ["explain_failure"]

PATIENCE_S = 5.0
"""How long a file is searched for the line that is wrong."""


def explain_failure(
    open_file: Callable[[], BinaryIO], where: str, delimiter: str, encoding: str, message: str
) -> DataError:
    """Returns the error for a text that Arrow could not parse, naming the line where possible.

    Args:
        open_file: Opens the decompressed bytes from the start.
        where: Name of the file.
        delimiter: What the values are separated by.
        encoding: What the text is encoded in.
        message: What Arrow said.
    """
    before = csv.field_size_limit(1 << 30)
    try:
        with open_file() as file:
            text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
            return _search(text, where, delimiter) or _unexplained(where, message)
    finally:
        csv.field_size_limit(before)


def _search(text: io.TextIOWrapper, where: str, delimiter: str) -> DataError | None:
    reader = csv.reader(text, delimiter=delimiter, strict=False)
    started, n_expected, line, last_start = time.monotonic(), 0, 1, 1
    try:
        for number, record in enumerate(reader):
            if record and not n_expected:
                n_expected = len(record)
            if record and len(record) != n_expected:
                return _ragged(where, line, record, n_expected, delimiter, reader.line_num)
            last_start, line = line, reader.line_num + 1
            if number % 10_000 == 0 and time.monotonic() - started > PATIENCE_S:
                return None
    except csv.Error as error:
        return DataError(f"{where}, line {line}: {error}. Save the table as CSV in UTF-8")
    if reader.line_num > last_start:
        return _unclosed(where, last_start)
    return None


def _ragged(
    where: str, line: int, record: list[str], n_expected: int, delimiter: str, last_line: int
) -> DataError:
    if last_line > line + 1:
        return _unclosed(where, line)
    shown = delimiter.join(record)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    few = len(record) < n_expected
    fix = (
        "Fill the row up, or delete it"
        if few
        else f"Put values that contain {delimiter!r} in double quotes, or delete the row"
    )
    values = "value" if len(record) == 1 else "values"
    return DataError(
        f"{where}, line {line}: {len(record)} {values} where the first line names {n_expected} "
        f"columns: {shown!r}. {fix}; if the separator is not {delimiter!r}, set data.delimiter"
    )


def _unclosed(where: str, line: int) -> DataError:
    return DataError(
        f"{where}, line {line}: a double quote opens there and is not closed before the row ends. "
        'Close it, or write a quote inside a value as ""'
    )


def _unexplained(where: str, message: str) -> DataError:
    said = message.splitlines()[0][:200] if message else "no reason given"
    return DataError(f"{where} cannot be read as a delimited text: {said}. Save it as CSV in UTF-8")
