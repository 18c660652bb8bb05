"""Writes files and folders atomically.

Each is written as a draft under another name, synced, and renamed. A killed process leaves at most
its draft.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from automl.errors import RunError
from automl.store.disk import storage_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "commit",
    "read_json",
    "remove_staging",
    "staging_folder",
    "write_array",
    "write_atomic",
    "write_json",
]

DRAFT = ".{name}.{pid}.draft"
BEFORE = ".{name}.{pid}.before"
DRAFT_DEPTH = 3  # the deepest draft of a run is trials/<trial>/<draft>


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file atomically.

    Args:
        path: The file; its folder is created if needed.
        write: Called with the open binary file.

    Raises:
        StorageError: The disk is full or read-only, or access is denied.
    """
    draft = _draft(path)
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, is_long: bool = False) -> None:
    """Writes JSON atomically; refuses NaN and infinity, and escapes lone surrogates.

    Args:
        path: The file.
        value: Any JSON value.
        is_long: Whether to write one line: Python's encoder is many times slower with indents.
    """
    indent = None if is_long else 1
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    write_atomic(path, lambda file: file.write(text.encode(errors="backslashreplace")))


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        RunError: The file is missing or not JSON; the message names it.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is not complete") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from None


@contextmanager
def staging_folder(path: Path, alone: bool = True) -> Iterator[Path]:
    """Creates a draft folder to be filled and passed to ``commit``; removes it otherwise.

    Args:
        path: Final path of the folder.
        alone: Whether no other process can be writing it, so that other drafts of it are removed.

    Raises:
        StorageError: The disk is full or read-only, or access is denied.
    """
    draft = _draft(path)
    try:
        with storage_errors(path):
            for left in path.parent.glob(DRAFT.format(name=path.name, pid="*")) if alone else ():
                shutil.rmtree(left, ignore_errors=True)
            draft.mkdir(parents=True)
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def commit(draft: Path, path: Path) -> None:
    """Syncs all files of a draft and renames it to its final path, replacing an older folder."""
    for file in draft.rglob("*"):
        if file.is_file():
            _sync(file)
    before = path.with_name(BEFORE.format(name=path.name, pid=os.getpid()))
    if path.exists():
        path.rename(before)
    draft.rename(path)
    _sync(path.parent)
    shutil.rmtree(before, ignore_errors=True)


def remove_staging(folder: Path) -> None:
    """Removes drafts that killed processes left in a run.

    A folder that was moved aside but not replaced is restored.
    """
    for depth in range(DRAFT_DEPTH):
        for before in folder.glob("*/" * depth + BEFORE.format(name="*", pid="*")):
            path = before.with_name(before.name[1:].rsplit(".", 2)[0])
            if path.exists():
                shutil.rmtree(before, ignore_errors=True)
            else:
                before.rename(path)
        for draft in folder.glob("*/" * depth + DRAFT.format(name="*", pid="*")):
            if draft.is_dir():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)


def write_array(file: BinaryIO, array: NDArray[Any]) -> None:
    """Writes an array as ``.npy``.

    Given a real file, numpy bypasses Python, and its error of a short write lacks the reason.
    """
    import numpy as np

    np.save(_Writer(file), array, allow_pickle=False)


class _Writer:
    """Hides from numpy that it writes to a real file."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def _draft(path: Path) -> Path:
    return path.with_name(DRAFT.format(name=path.name, pid=os.getpid()))


def _sync(path: Path) -> None:
    """Syncs a file, or the directory entries of a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
