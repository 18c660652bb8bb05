"""Optuna's storage of a run: a SQLite file with a write-ahead log."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from automl.errors import RunError
from automl.store.disk import refusal

if TYPE_CHECKING:
    import optuna

__all__ = ["open_storage"]

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000")
REFUSALS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: None,  # the disk is asked
}


def open_storage(path: Path) -> optuna.storages.RDBStorage:
    """Opens the storage, which is made if needed.

    Raises:
        RunError: The file is damaged.
        StorageError: The disk is full, read-only or closed to us; so does later use.
    """
    import optuna
    import sqlalchemy

    _check(path)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    # A URL would give a meaning to some characters of the path.
    options = {"creator": connect, "poolclass": sqlalchemy.pool.QueuePool}
    try:
        storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)
    except (sqlalchemy.exc.DBAPIError, optuna.exceptions.StorageInternalError) as error:
        failed = error if isinstance(error, sqlalchemy.exc.DBAPIError) else error.__cause__
        _refuse(path, getattr(failed, "orig", None))
        raise
    sqlalchemy.event.listen(
        storage.engine, "handle_error", lambda context: _refuse(path, context.original_exception)
    )
    return storage


def _check(path: Path) -> None:
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        _refuse(path, error)
        problem = str(error)
    if problem != "ok":
        raise RunError(
            f"{path} is damaged: {problem}; remove it (and {path.name}-wal, {path.name}-shm) to "
            "have it made again from the records of the trials"
        )


def _refuse(path: Path, error: BaseException | None) -> None:
    """Raises what an error of SQLite says of the disk, if it says anything.

    Raises:
        StorageError: The disk is full, read-only or closed to us.
    """
    code = getattr(error, "sqlite_errorcode", -1) & 0xFF  # the rest of it are details
    if code in REFUSALS:
        refused = refusal(path, OSError(REFUSALS[code], str(error)))
        if refused is not None:
            raise refused from error
