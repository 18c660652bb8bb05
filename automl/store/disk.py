"""What a write that fails says of the disk: full, read-only, or closed to us.

Such a failure is not that of a trial. It ends the search, because the next trial would meet it too.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from automl.errors import StorageError

__all__ = ["failing_on_a_full_disk", "refusal", "writing"]

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
def writing(path: Path) -> Iterator[None]:
    """Turns the failure of a write into one message that names the file and the reason.

    Args:
        path: What is written; a block that fails must not have made room again.

    Raises:
        StorageError: The disk is full, read-only or closed to us.
    """
    try:
        yield
    except OSError as error:
        refused = refusal(path, error)
        if refused is None:
            raise
        raise refused from error


@contextmanager
def failing_on_a_full_disk(
    *folders: Path, but: type[Exception] | tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Lets code of others run that may write there, and may hide why that failed.

    Args:
        folders: Whose disks are looked at when the code fails, whatever its error is.
        but: Errors that say nothing of a disk: a look writes and syncs a file on each.

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


def refusal(path: Path, error: OSError) -> StorageError | None:
    """What the disk has against writing a file; None when the error is of another kind.

    An error without a number, as numpy raises it, is asked of the disk itself.

    Args:
        path: What was written.
        error: What came of it.
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
    """Whether the file that an error names lies beside what was to be written, or above it."""
    if not isinstance(named, str | os.PathLike):
        return True
    folder, file = path.parent.absolute(), Path(named).absolute()
    return file.is_relative_to(folder) or folder.is_relative_to(file)


def _refused(path: Path, reason: str) -> StorageError:
    return StorageError(f"{path} cannot be written: {reason}")


def _room(path: Path) -> str:
    """How much is free where a file was to be written, which may not be there yet."""
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
    """Tries to write a little; what came of it, or None when it went well."""
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
