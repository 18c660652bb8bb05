"""What SQLite says of the disk."""

import sqlite3

import optuna
import pytest

from automl.errors import StorageError
from automl.tuning.propose import storage as module
from automl.tuning.propose.storage import open_storage


def limited(monkeypatch, n_pages):
    """SQLite says that the disk is full at so many pages, as it does when the disk is."""
    monkeypatch.setattr(module, "PRAGMAS", (*module.PRAGMAS, f"max_page_count={n_pages}"))


def test_a_disk_that_fills_up_while_trials_are_told_is_named(tmp_path, monkeypatch):
    limited(monkeypatch, 60)
    path = tmp_path / "study.db"
    study = optuna.create_study(storage=open_storage(path))
    told = []

    def tell_for_ever():
        while True:
            study.tell(study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), 0.5)
            told.append(1)

    with pytest.raises(StorageError, match=r"study\.db cannot be written: no space is left on its"):
        tell_for_ever()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'")
        assert rows.fetchone() == (len(told),)


def test_a_disk_without_room_for_the_file_is_named(tmp_path, monkeypatch):
    limited(monkeypatch, 2)
    with pytest.raises(StorageError, match=r"study\.db cannot be written: no space is left"):
        open_storage(tmp_path / "study.db")


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_disk_that_is_full_when_the_file_is_committed_is_named(tmp_path, monkeypatch, nth):
    commits = []

    class Full(sqlite3.Connection):
        def commit(self):
            commits.append(1)
            if len(commits) >= nth:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            super().commit()

    def connect(*args, connect=sqlite3.connect, **options):
        return connect(*args, **options, factory=Full)

    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(StorageError, match=r"study\.db cannot be written: no space is left"):
        optuna.create_study(storage=open_storage(tmp_path / "study.db"))
    assert len(commits) >= nth


def test_a_file_that_may_only_be_read_is_named(tmp_path):
    path = tmp_path / "study.db"
    storage = open_storage(path)
    study = optuna.create_study(storage=storage)
    storage.engine.dispose()

    def read_only(connection, _):
        connection.execute("PRAGMA query_only=1")

    import sqlalchemy

    sqlalchemy.event.listen(storage.engine, "connect", read_only)
    with pytest.raises(StorageError, match=r"study\.db cannot be written: its file system is read"):
        study.ask()
