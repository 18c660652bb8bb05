"""One search at a time in a run directory: a lock that the system frees when its holder dies."""

from __future__ import annotations

import contextlib
import os
import time
from typing import BinaryIO

from automl.errors import RunError
from automl.store.disk import writing
from automl.store.run_dir import RunDir

try:
    import fcntl
except ImportError:  # no such locks on this platform: nothing is refused there
    fcntl = None  # type: ignore[assignment]

__all__ = ["RunLock"]


PATIENCE_S = (0.0, 0.02, 0.2)
"""Waits before each try: whoever asks whether a search is there holds the lock for a moment."""


def _locked(file: BinaryIO) -> bool:
    for wait_s in PATIENCE_S:
        time.sleep(wait_s)
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


class RunLock:
    """The right to search in a run directory. The file stays, only its lock goes.

    Args:
        run: The run directory.
    """

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._file: BinaryIO | None = None

    def acquire(self) -> None:
        """Takes the lock of a directory that exists, and writes the process id into its file.

        Raises:
            RunError: Another search holds it, which is named, or the file cannot be written.
            StorageError: The disk is full, read-only or closed to us.
        """
        try:
            with writing(self._run.lock):
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
                "until it is over, or stop that process"
            )
        self._file = file
        with writing(self._run.lock):
            file.truncate(0)
            file.write(str(os.getpid()).encode())

    def release(self) -> None:
        """Lets others in, if the lock was taken."""
        if self._file is not None:
            self._file.close()
            self._file = None
