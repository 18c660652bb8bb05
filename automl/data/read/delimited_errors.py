"""Explains why a delimited text cannot be read: line, content and fix."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from automl.errors import DataError
from automl.formatting import shortened

__all__ = ["find_unclosed_quote", "parse_error", "records_of", "unlimited_field_size"]

PATIENCE_S = 5.0
"""Time limit of the search for the wrong line, in seconds."""
Record = tuple[int, list[str], list[str]]
"""Number of the first line (from 1), values, and the raw lines."""


@contextmanager
def unlimited_field_size() -> Iterator[None]:
    """Lifts the field size limit of the csv module inside a ``with`` block."""
    before = csv.field_size_limit(1 << 30)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def parse_error(
    open_file: Callable[[], BinaryIO], where: str, delimiter: str, encoding: str, message: str
) -> DataError:
    """Returns the error for a text that Arrow could not parse, naming the line where possible.

    Args:
        open_file: Opens the decompressed bytes from the start.
        where: Name of the file.
        delimiter: Delimiter of the file.
        encoding: Encoding of the file.
        message: Message of Arrow's error.
    """
    n_expected = 0
    last: Record = (1, [], [])
    with unlimited_field_size(), _text(open_file(), encoding) as text:
        try:
            for last in records_of(text, delimiter):
                line, record, lines = last
                n_expected = n_expected or len(record)
                if record and len(record) != n_expected:
                    if len(lines) > 1 or _is_unclosed(lines, delimiter):
                        return _unclosed(where, line)
                    return _ragged(where, line, record, n_expected, delimiter)
        except csv.Error as error:
            return DataError(f"{where} cannot be read: {error}. Save the table as CSV in UTF-8")
    if _is_unclosed(last[2], delimiter):
        return _unclosed(where, last[0])
    said = message.splitlines()[0][:200] if message else "no reason given"
    return DataError(f"{where} cannot be read as delimited text: {said}. Save it as CSV in UTF-8")


def find_unclosed_quote(
    open_file: Callable[[], BinaryIO], where: str, delimiter: str, encoding: str
) -> DataError | None:
    """Returns the error for a quote that is open at the end of a text; None if there is none."""
    last: Record = (1, [], [])
    with unlimited_field_size(), _text(open_file(), encoding) as text:
        for last in records_of(text, delimiter):  # noqa: B007 - only the last counts
            pass
    line, _, lines = last
    return _unclosed(where, line) if _is_unclosed(lines, delimiter) else None


def _text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")


def records_of(text: Iterable[str], delimiter: str) -> Iterator[Record]:
    """Yields the records of a text with their lines, for at most ``PATIENCE_S``."""
    lines: list[str] = []

    def remembered() -> Iterator[str]:
        for one in text:
            lines.append(one)
            yield one

    started, first = time.monotonic(), 1
    for number, record in enumerate(csv.reader(remembered(), delimiter=delimiter)):
        yield first, record, list(lines)
        first += len(lines)
        lines.clear()
        if number % 10_000 == 0 and time.monotonic() - started > PATIENCE_S:
            return


def _is_unclosed(lines: list[str], delimiter: str) -> bool:
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _ragged(where: str, line: int, record: list[str], n_expected: int, delimiter: str) -> DataError:
    shown = shortened(delimiter.join(record), 80)
    fix = f"Put values that contain {delimiter!r} in double quotes, or delete the row"
    if len(record) < n_expected:
        fix = "Fill the row up, or delete it"
    values = "value" if len(record) == 1 else "values"
    columns = "column" if n_expected == 1 else "columns"
    return DataError(
        f"{where}, line {line}: {len(record)} {values} where the first line names {n_expected} "
        f"{columns}: {shown!r}. {fix}; if the separator is not {delimiter!r}, set data.delimiter"
    )


def _unclosed(where: str, line: int) -> DataError:
    return DataError(
        f"{where}, line {line}: a double quote opens there and is not closed before the row ends. "
        'Close it, or write a quote inside a value as ""'
    )
