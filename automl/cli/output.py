"""Writes the file of ``--out`` (also through links and into pipes), but never over an input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from automl.cli.formats import Format, encoded, format_of
from automl.errors import UserError

__all__ = ["Output", "check_stdout", "output_of", "write_output"]

_OF_A_RUN = ("manifest.json", "config.yaml")


@dataclass(frozen=True, slots=True)
class Output:
    """Destination of predictions.

    Attributes:
        path: Path as given.
        format: Format of the file.
        inputs: Inputs, which must not be overwritten.
    """

    path: Path
    format: Format
    inputs: tuple[str, ...] = ()


def output_of(name: str, inputs: Iterable[str]) -> Output:
    """Validates path and format of the output before any work is done.

    Args:
        name: Value of ``--out``.
        inputs: Paths and URLs of the inputs.

    Raises:
        UserError: It cannot be written or is an input; the message says what to use.
    """
    path, given = Path(name), tuple(inputs)
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
    _check_inputs(path, given)
    return Output(path, format_of(path), given)


def check_stdout(inputs: Iterable[str]) -> None:
    """Checks that standard output is not redirected to an input.

    Raises:
        UserError: It is.
    """
    for file in _files(inputs):
        if _is_open_as(sys.stdout, file.stat()):
            raise UserError(f"standard output goes to {file}, which is an input: redirect it")


def write_output(
    out: Output, names: Sequence[str], columns: Sequence[Sequence[Any]], *, raw: bool
) -> None:
    """Writes a table atomically, or into a pipe or device, following links.

    Args:
        out: Destination.
        names: Names of the columns.
        columns: Values of each column, Python objects, all ``(n_rows,)``.
        raw: Whether text is written unchanged, even if a spreadsheet would execute it.

    Raises:
        UserError: It cannot be written.
        StorageError: The disk cannot be written.
        BrokenPipeError: The reader of the pipe has gone.
    """
    content = encoded(out.format, names, columns, raw=raw)
    _check_inputs(out.path, out.inputs)  # again, as links may have changed
    try:
        _write_bytes(out.path, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"--out {out.path} cannot be written: {error.strerror}") from error


def _target(path: Path) -> Path:
    """Resolves all links of a path."""
    return Path(os.path.realpath(path))


def _check_inputs(path: Path, inputs: Iterable[str]) -> None:
    """Checks that an output is not an input under any name, nor a file of a run.

    Raises:
        UserError: It is.
    """
    target = _target(path)
    for parent in target.parents:
        if all((parent / name).is_file() for name in _OF_A_RUN) and _is_of_run(parent, target):
            raise UserError(f"--out {path} belongs to the run {parent}: use another file name")
    if not path.is_file():
        return
    for name in inputs:
        folder = Path(name)
        if folder.is_dir() and target.is_relative_to(_target(folder)):
            raise UserError(f"--out {path} is a file of the data in {name}: use another file name")
    for file in _files(inputs):
        if path.samefile(file):
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


def _files(inputs: Iterable[str]) -> Iterable[Path]:
    """Yields the files among the inputs, including those of SQLite URLs."""
    from urllib.parse import unquote

    for name in inputs:
        scheme, mark, rest = name.partition("://")
        path = Path(unquote(rest).removeprefix("/") if mark and scheme == "sqlite" else name)
        try:
            if path.is_file():
                yield path
        except (OSError, ValueError):
            continue  # not a path; its reader reports that


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
