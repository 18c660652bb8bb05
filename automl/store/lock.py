"""Locks a run directory for one search; the system releases the lock when its holder dies."""

from __future__ import annotations

import contextlib
import os
import time
from typing import BinaryIO

from automl.errors import RunError
from automl.store.disk import storage_errors
from automl.store.run_dir import RunDir

try:
    import fcntl
except ImportError:  # no such locks on this platform, so searches are not kept apart
    fcntl = None  # type: ignore[assignment]

__all__ = ["RunLock"]


PATIENCE_S = (0.0, 0.02, 0.2)
"""Wait before each try: a check whether a search is running holds the lock for a moment."""


def _locked(file: BinaryIO) -> bool:
    for wait_s in PATIENCE_S:
        time.sleep(wait_s)
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


class RunLock:
    """An exclusive lock on a run directory. The lock file stays when the lock is released.

    Args:
        run: The run directory.
    """

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._file: BinaryIO | None = None

    def acquire(self) -> None:
        """Takes the lock of an existing directory, and writes the process id into its file.

        Raises:
            RunError: Another search holds the lock (the message has its process id), or the file
                cannot be written.
            StorageError: The disk is full or read-only, or access is denied.
        """
        try:
            with storage_errors(self._run.lock):
                file = self._run.lock.open("a+b", buffering=0)
        except OSError as error:
            message = f"the run cannot be written to {self._run.path}: {error.strerror}"
            raise RunError(message) from None
        if fcntl is not None and not _locked(file):
            file.seek(0)
            holder = file.read(20).decode(errors="replace").strip() or "unknown"
            file.close()
            raise RunError(
                f"{self._run.path} is in use by the search with process id {holder}: wait "
                "until it ends, or stop that process"
            )
        self._file = file
        with storage_errors(self._run.lock):
            file.truncate(0)
            file.write(str(os.getpid()).encode())

    def release(self) -> None:
        """Releases the lock, if it was taken."""
        if self._file is not None:
            self._file.close()
            self._file = None
