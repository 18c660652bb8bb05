"""How files and folders get to the disk: whole, or not at all.

Each is written as a draft under another name, synced, and renamed. A process that is killed leaves
at most its draft.
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
from automl.store.disk import writing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "draft_folder",
    "read_json",
    "remove_drafts",
    "settle",
    "write_array",
    "write_json",
    "write_whole",
]

DRAFT = ".{name}.{pid}.draft"
BEFORE = ".{name}.{pid}.before"
DRAFT_DEPTH = 3  # trials/<trial>/<draft> is as deep in a run as drafts lie


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file so that it is there whole or not at all.

    Args:
        path: The file; its folder is made if needed.
        write: Called with the open binary file.

    Raises:
        StorageError: The disk is full, read-only or closed to us.
    """
    draft = _draft(path)
    try:
        with writing(path):
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


def write_json(path: Path, value: Any) -> None:
    """Writes JSON whole; NaN and infinity are refused, lone surrogates are written as escapes."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, lambda file: file.write(text.encode(errors="backslashreplace")))


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        RunError: The file is not there or does not hold JSON; it is named.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is not complete") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from None


@contextmanager
def draft_folder(path: Path, alone: bool = True) -> Iterator[Path]:
    """A new folder to be filled and then settled; it is gone when the block ends without that.

    Args:
        path: Where it is to lie in the end.
        alone: Whether nobody else can be writing the same: other drafts of it are removed.

    Raises:
        StorageError: The disk is full, read-only or closed to us.
    """
    draft = _draft(path)
    try:
        with writing(path):
            for left in path.parent.glob(DRAFT.format(name=path.name, pid="*")) if alone else ():
                shutil.rmtree(left, ignore_errors=True)
            draft.mkdir(parents=True)
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def settle(draft: Path, path: Path) -> None:
    """Syncs all files of a draft and puts it where it is to lie, in place of an older one."""
    for file in draft.rglob("*"):
        if file.is_file():
            _sync(file)
    before = path.with_name(BEFORE.format(name=path.name, pid=os.getpid()))
    if path.exists():
        path.rename(before)
    draft.rename(path)
    _sync_folder(path.parent)
    shutil.rmtree(before, ignore_errors=True)


def remove_drafts(folder: Path) -> None:
    """Removes what processes that are gone had begun to write in a run.

    A folder that was to be replaced, and was not, is put back.
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

    numpy writes to a file past Python, and tells that not all was written, but not why.
    """
    import numpy as np

    np.save(_Writer(file), array, allow_pickle=False)


class _Writer:
    """A file that numpy does not know as one."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def _draft(path: Path) -> Path:
    return path.with_name(DRAFT.format(name=path.name, pid=os.getpid()))


def _sync_folder(folder: Path) -> None:
    """Makes the names in a folder last."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sync(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
