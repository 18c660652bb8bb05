"""Converts failed writes to ``StorageError``: disk full, read-only file system, access denied.

Such a failure ends the search, not just the trial, because the next trial would fail too.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from automl.errors import StorageError

__all__ = ["raise_if_disk_full", "storage_errors", "storage_problem"]

FULL = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "the disk quota is used up",
}
DENIED = {
    errno.EROFS: "its file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EIO: "the disk reports an error",
}
PROBE_BYTES = 1 << 20
PROBE_FILE = ".probe.{pid}.draft"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Converts the OSError of a write to a message that names the file and the reason.

    Args:
        path: The file being written. The block must not free disk space before its error leaves
            it, because the free space is part of the message.

    Raises:
        StorageError: The disk is full or read-only, or access is denied.
    """
    try:
        yield
    except OSError as error:
        refused = storage_problem(path, error)
        if refused is None:
            raise
        raise refused from error


@contextmanager
def raise_if_disk_full(
    *folders: Path, but: type[Exception] | tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Runs foreign code that may write to disk and may hide the reason of a failed write.

    Args:
        folders: Folders whose disks are probed if the code fails, whatever its error.
        but: Errors unrelated to disks, for which nothing is probed (a probe writes and syncs).

    Raises:
        StorageError: One of the disks is full.
    """
    try:
        yield
    except but:
        raise
    except Exception as error:
        for folder in folders:
            problem = _probe(folder)
            if problem is not None and problem.errno in FULL:
                raise _refused(folder, f"{FULL[problem.errno]} ({_room(folder)})") from error
        raise


def storage_problem(path: Path, error: OSError) -> StorageError | None:
    """Converts the error of a failed write; returns None if it is not a problem of the disk.

    If the error has no number, as those of numpy, the disk is probed.

    Args:
        path: The file being written.
        error: Its error.
    """
    number = error.errno
    if number is None:
        problem = _probe(path.parent)
        number = None if problem is None else problem.errno
    if number in FULL:
        return _refused(path, f"{FULL[number]} ({_room(path)})")
    if number in DENIED and _is_ours(path, error.filename):
        return _refused(path, DENIED[number])
    return None


def _is_ours(path: Path, named: object) -> bool:
    """Whether the file named by an error is in the folder of the written file, or above it."""
    if not isinstance(named, str | os.PathLike):
        return True
    folder, file = path.parent.absolute(), Path(named).absolute()
    return file.is_relative_to(folder) or folder.is_relative_to(file)


def _refused(path: Path, reason: str) -> StorageError:
    return StorageError(f"{path} cannot be written: {reason}")


def _room(path: Path) -> str:
    """Free space as text, in the nearest existing folder of a file."""
    folder = next(p for p in path.absolute().parents if p.exists())
    usage = shutil.disk_usage(folder)
    return f"{_size(usage.free)} of {_size(usage.total)} are free"


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} GiB"


def _probe(folder: Path) -> OSError | None:
    """Tries to write ``PROBE_BYTES``; returns the error, or None on success."""
    path = folder / PROBE_FILE.format(pid=os.getpid())
    try:
        with path.open("wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return None
