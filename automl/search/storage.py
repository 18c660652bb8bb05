"""Optuna's storage in the run directory."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from automl.errors import RunError

if TYPE_CHECKING:
    import optuna

__all__ = ["open_storage"]


def open_storage(path: Path) -> optuna.storages.RDBStorage:
    """Opens Optuna's storage on a SQLite file with a write-ahead log.

    Raises:
        RunError: The file is damaged.
    """
    import optuna
    import sqlalchemy

    _check(path)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    # A URL would give a meaning to some characters of the path.
    options = {"creator": connect, "poolclass": sqlalchemy.pool.QueuePool}
    return optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)


def _check(path: Path) -> None:
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise RunError(
            f"{path} is damaged: {problem}; remove it (and {path.name}-wal, {path.name}-shm) to "
            "have it made again from the records of the trials"
        )
