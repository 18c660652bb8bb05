"""Checks and creates the run directory: never over existing files, nor inside the data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from automl.errors import RunError
from automl.store.disk import storage_errors
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.surface import named

__all__ = ["check_place", "make_folders"]


def check_place(run: RunDir, source: Any) -> None:
    """Rejects a run directory inside the folder of its data, or around the data.

    In a folder of images every subfolder is a class, for other programs too.

    Args:
        run: The run directory.
        source: The data, which may be a path.

    Raises:
        RunError: The directory is inside, around or the data itself; the message suggests
            another.
    """
    place = _resolved(run.path)
    if place == Path("/"):
        raise RunError(
            f"{run.path} is the root of the file system, and cannot be a run directory: choose "
            f"another {named('out')}, such as runs/first"
        )
    if not isinstance(source, str | os.PathLike) or not os.path.lexists(source):
        return
    data = _resolved(source)
    if place == data:
        raise RunError(
            f"{named('out', str(run.path))} is the data: choose another, such as runs/first"
        )
    if data.is_dir() and place.is_relative_to(data):
        raise RunError(
            f"the run directory {run.path} is inside {os.fsdecode(source)}, which is the data: "
            f"choose one outside it, such as {named('out', str(data.parent / 'runs' / 'first'))}"
        )
    if data.is_relative_to(place):
        raise RunError(
            f"the run directory {run.path} holds the data, {os.fsdecode(source)}: choose "
            f"another {named('out')}, such as runs/first"
        )


def make_folders(run: RunDir, lock: RunLock) -> None:
    """Creates the run directory and locks it.

    Args:
        run: The run directory: new, or one where a search was killed before it started.
        lock: Lock of the run directory.

    Raises:
        RunError: Something else is there, or it cannot be written.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    begun = run.lock.is_file() and not run.manifest.exists()  # killed before it was a run
    taken = run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir()))
    if taken and not begun:
        if run.lock.is_file():
            lock.acquire()  # raises the better error if another search is using it
        raise RunError(
            f"{run.path} holds a run: continue it with `automl resume {run.path}` (or "
            f"{named('resume', True)} with the same command), or choose another {named('out')}"
            if run.manifest.is_file()
            else f"{run.path} exists and is not empty: choose another {named('out')}, or remove it"
        )
    try:
        with storage_errors(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()  # first: without its lock file this would not count as a run to restart
            for folder in (run.trials, run.encodings, run.ensemble):
                folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"the run cannot be written to {run.path}: {error.strerror}") from None


def _resolved(path: str | os.PathLike[Any]) -> Path:
    return Path(os.path.realpath(os.fsdecode(path)))
