"""Copies a table from standard input or a pipe to a temporary file."""

from __future__ import annotations

import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from automl.errors import UserError

__all__ = ["readable", "where_from"]

_STDIN = ("-", "/dev/stdin", "/dev/fd/0")
_ENDINGS = {b"PAR1": ".parquet", b"PK\x03\x04": ".xlsx", b"\x1f\x8b": ".csv.gz", b"{": ".jsonl"}
"""Extensions by first bytes; anything else is read as CSV."""
WRITER_S = 5.0
"""Seconds within which another program must open a named pipe for writing."""


@contextmanager
def readable(word: str) -> Iterator[str]:
    """Yields the path of a file with the table that a word names.

    Input from pipes is copied to a file, as readers read a file more than once.

    Args:
        word: DATA; ``-`` and pipes are copied, anything else is returned unchanged.

    Raises:
        UserError: Standard input is a terminal or empty, no program writes to the pipe, or the
            copy cannot be written.
    """
    if word not in _STDIN and not _is_pipe(word):
        yield word
        return
    if word in _STDIN and sys.stdin.isatty():
        raise UserError(f"DATA is {word}, but there is no input: use `... < data.csv`")
    with tempfile.TemporaryDirectory(prefix="automl-stdin-") as folder:
        if word in _STDIN:
            yield _copied(sys.stdin.buffer, Path(folder))
        else:
            with _opened(Path(word)) as pipe:
                path = _copied(pipe, Path(folder))
            yield path


def where_from(word: str) -> str:
    """Returns the name of a table for messages: ``stdin`` or the word itself."""
    return "stdin" if word in _STDIN else word


def _is_pipe(word: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(word).stat().st_mode)
    except (OSError, ValueError):
        return False


def _opened(pipe: Path) -> BinaryIO:
    """Opens a pipe in a thread: without a program that writes to it, opening never returns."""
    found: list[BinaryIO | OSError] = []

    def open_it() -> None:
        try:
            found.append(pipe.open("rb"))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=open_it, daemon=True)
    thread.start()
    thread.join(WRITER_S)
    if not found:
        raise UserError(
            f"{pipe} is a pipe that no program writes to: start that program first, or name a file"
        )
    if isinstance(found[0], OSError):
        raise UserError(f"{pipe} cannot be read: {found[0].strerror}")
    return found[0]


def _copied(source: BinaryIO, folder: Path) -> str:
    start = source.read(4)
    if not start:
        raise UserError("standard input is empty: expected a line of column names, and rows")
    ending = next((e for magic, e in _ENDINGS.items() if start.startswith(magic)), ".csv")
    path = folder / f"stdin{ending}"
    try:
        with path.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise UserError(
            f"standard input cannot be copied to {folder}: {error.strerror}. Set TMPDIR to a "
            "folder with free space, or pass a file"
        ) from None
    return str(path)
