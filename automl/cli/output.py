"""Writes the file of ``--out`` (also through links and into pipes), but never over an input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from automl.cli.formats import encoded, format_of
from automl.errors import UserError

__all__ = ["check_stdout", "output_path", "write_output"]

_OF_A_RUN = ("manifest.json", "config.yaml")


def output_path(name: str, source: str) -> Path:
    """Validates path and format of the output before any work is done, and returns its path.

    Args:
        name: Value of ``--out``.
        source: Path or URL of the input, which must not be overwritten.

    Raises:
        UserError: It cannot be written or is the input; the message says what to use.
    """
    path = Path(name)
    if not name:
        raise UserError("--out is empty: give a file name, such as predictions.csv")
    if path.is_dir():
        if Path(os.path.realpath(path)) == Path("/"):
            raise UserError(
                f"--out {name} is the root of the file system: give a file name, such as "
                "predictions.csv"
            )
        raise UserError(f"--out {name} is a directory: give a file name")
    if not (folder := _target(path).parent).is_dir():
        raise UserError(
            f"--out {name}: there is no directory {folder if path.is_symlink() else path.parent}"
        )
    _check_source(path, source)
    format_of(path)
    return path


def check_stdout(source: str) -> None:
    """Checks that standard output is not redirected to the input.

    Raises:
        UserError: It is.
    """
    file = _file_of(source)
    if file is not None and _is_open_as(sys.stdout, file.stat()):
        raise UserError(f"standard output goes to {file}, which is an input: redirect it")


def write_output(
    path: Path, source: str, names: Sequence[str], columns: Sequence[Sequence[Any]], *, raw: bool
) -> None:
    """Writes a table atomically, or into a pipe or device, following links.

    Args:
        path: Return value of ``output_path``.
        source: As for ``output_path``.
        names: Names of the columns.
        columns: Values of each column, Python objects, all ``(n_rows,)``.
        raw: Whether text is written unchanged, even if a spreadsheet would execute it.

    Raises:
        UserError: It cannot be written.
        StorageError: The disk cannot be written.
        BrokenPipeError: The reader of the pipe has gone.
    """
    content = encoded(format_of(path), names, columns, raw=raw)
    _check_source(path, source)  # again, as links may have changed
    try:
        _write_bytes(path, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"--out {path} cannot be written: {error.strerror}") from error


def _target(path: Path) -> Path:
    """Resolves all links of a path."""
    return Path(os.path.realpath(path))


def _check_source(path: Path, source: str) -> None:
    """Checks that an output is not the input under any name, nor a file of a run.

    Raises:
        UserError: It is.
    """
    target = _target(path)
    for parent in target.parents:
        if all((parent / name).is_file() for name in _OF_A_RUN) and _is_of_run(parent, target):
            raise UserError(f"--out {path} belongs to the run {parent}: use another file name")
    if not path.is_file():
        return
    if Path(source).is_dir() and target.is_relative_to(_target(Path(source))):
        raise UserError(f"--out {path} is a file of the data in {source}: use another file name")
    file = _file_of(source)
    if file is not None and path.samefile(file):
        raise UserError(
            f"--out {path} is the same file as {file}, which is an input: use another name"
        )


def _is_of_run(folder: Path, target: Path) -> bool:
    """Whether a search writes this path of a run directory."""
    from automl.store.run_dir import RunDir

    run = RunDir(folder)
    files = (run.manifest, run.config, run.log, run.studies, run.leaderboard, run.lock)
    folders = (run.data, run.encodings, run.split, run.trials, run.ensemble)
    return any(target.is_relative_to(path) for path in (*files, *folders))


def _file_of(source: str) -> Path | None:
    """The file that an input is, also if it is the URL of an SQLite database; None for others."""
    from urllib.parse import unquote

    scheme, mark, rest = source.partition("://")
    path = Path(unquote(rest).removeprefix("/") if mark and scheme == "sqlite" else source)
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None  # not a path; its reader reports that


def _write_bytes(path: Path, content: bytes) -> None:
    from automl.store.disk import storage_errors
    from automl.store.files import write_atomic

    def write(file: BinaryIO, mode: int | None = None) -> None:
        if mode is not None:  # of a file that is replaced
            os.fchmod(file.fileno(), stat.S_IMODE(mode))
        file.write(content)
        file.flush()

    with storage_errors(path):
        try:
            found = path.stat()
        except FileNotFoundError:
            return write_atomic(_target(path), write)
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None and _is_open_as(stream, found):
                stream.flush()
                with os.fdopen(os.dup(stream.fileno()), "wb") as file:
                    return write(file)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            return write_atomic(_target(path), partial(write, mode=found.st_mode))
        with path.open("wb") as file:  # a pipe, a device, or a file with several hard links
            return write(file)


def _is_open_as(stream: TextIO, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), found)
    except (OSError, ValueError):  # closed, or a notebook's
        return False
