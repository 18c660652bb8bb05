"""The result of an SQL query as a table, by ADBC drivers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from automl.data.raw_table import RawTable, plain_strings
from automl.data.read.streams import check_regular
from automl.errors import DataError, MissingExtraError
from automl.redact import hide, shown, without_passwords
from automl.surface import named

__all__ = ["DATABASE_SCHEMES", "is_database_url", "read_sql"]

DATABASE_SCHEMES = ("postgresql", "postgres", "sqlite")
SQLITE_TYPE_ROWS = 1 << 20
"""Rows that the SQLite driver looks at to find the type of a column."""
MOST_SHOWN = 60
READING = ("SELECT", "WITH", "VALUES", "TABLE")
"""Words that statements begin with whose result is a table of rows."""
_BEFORE = re.compile(r"(?:[\s(]|--[^\r\n]*\r?\n|/\*(?:(?!/\*).)*?\*/)*", re.DOTALL)
"""Blanks and comments before a statement. PostgreSQL nests comments: a nested one is none here."""


def is_database_url(source: object) -> bool:
    """Whether a source is the URL of a database."""
    if not isinstance(source, str | Path):  # a frame would be written out to tell
        return False
    scheme, mark, _ = str(source).partition("://")
    return bool(mark) and scheme.lower() in DATABASE_SCHEMES


def read_sql(url: str, query: str | None) -> RawTable:
    """Runs a query.

    Args:
        url: ``sqlite:///relative/path``, ``sqlite:////absolute/path`` or ``postgresql://...``.
        query: One statement that begins with a word of ``READING``. The session is read-only
            besides, because a ``WITH`` may delete rows. The driver prepares the statement, and
            databases prepare one at a time, so nothing can follow it.

    Raises:
        DataError: There is no such query, or the database refuses it; its words are given.
        MissingExtraError: The extra ``sql`` is not installed.
    """
    where = shown(url)
    if not query or not query.strip():
        raise DataError(
            f"{where} is a database: say what to read, such as "
            f"{named('data.sql', 'SELECT * FROM my_table')}"
        )
    _check_reads(query)
    sqlite = url.lower().startswith("sqlite:")
    if not sqlite:
        _check_url(url)
    database_error = _database_error()
    try:
        connect = _connect_sqlite if sqlite else _connect_postgresql
        with connect(url) as connection, connection.cursor() as cursor:
            if sqlite:
                size = {"adbc.sqlite.query.batch_rows": str(SQLITE_TYPE_ROWS)}
                cursor.adbc_statement.set_options(**size)
            else:
                cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(_closed(query))
            table = cursor.fetch_arrow_table()
    except database_error as error:
        raise DataError(f"{where} refused the query: {_first_line(error, url)}") from None
    columns = tuple(plain_strings(column) for column in table.columns)
    return RawTable(tuple(table.column_names), columns, where)


def _database_error() -> type[Exception]:
    try:
        import adbc_driver_manager.dbapi as dbapi
    except ImportError:
        raise MissingExtraError("reading a database", "adbc_driver_manager", "sql") from None
    error: type[Exception] = dbapi.Error
    return error


def _connect_sqlite(url: str) -> Any:
    try:
        import adbc_driver_sqlite.dbapi as sqlite
    except ImportError:
        raise MissingExtraError("reading SQLite", "adbc_driver_sqlite", "sql") from None
    path = unquote(url.split("://", 1)[1])
    path = path[1:] if path.startswith("/") else path
    if not path:
        raise DataError(f"{shown(url)!r} names no file: write sqlite:///path/to/file.db")
    check_regular(Path(path))  # the driver would make a new, empty database
    return sqlite.connect(Path(path).absolute().as_uri() + "?mode=ro")


def _connect_postgresql(url: str) -> Any:
    try:
        import adbc_driver_postgresql.dbapi as postgresql
    except ImportError:
        raise MissingExtraError("reading PostgreSQL", "adbc_driver_postgresql", "sql") from None
    scheme, _, rest = url.partition("://")
    return postgresql.connect(f"{scheme.lower()}://{rest}")


def _check_reads(query: str) -> None:
    """Refuses a statement of another kind.

    Read-only sessions let some through: ``COPY ... TO PROGRAM`` runs a program on the server, and
    ``VACUUM INTO`` and ``ATTACH`` of SQLite make files.
    """
    start = _BEFORE.match(query)
    statement = query[start.end() if start else 0 :]
    word = re.match(r"\w*", statement)
    if word is None or word[0].upper() not in READING:
        text = " ".join(without_passwords(statement).split())
        some = text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."
        raise DataError(
            f"{named('data.sql')} must be one statement that reads and begins with "
            f"{', '.join(READING[:-1])} or {READING[-1]}, got {some!r}"
        )


def _closed(query: str) -> str:
    """A query to which the driver can add a bracket: no semicolon or comment swallows it."""
    return query.rstrip("; \t\r\n") + "\n"


def _check_url(url: str) -> None:
    """Refuses a URL whose parts cannot be told apart, before the driver quotes some of it.

    The driver ends name and password at the first ``@``, and knows none behind a ``/``.
    """
    where = url.partition("://")[2].partition("?")[0]
    authority, _, path = where.partition("/")
    if "@" in path or authority.count("@") > 1:
        raise DataError(
            f"{shown(url)}: an @ or / in a name or password must be written as %40 or %2F"
        )


def _first_line(error: Exception, url: str) -> str:
    line = (str(error).splitlines() or ["no reason given"])[0]
    return without_passwords(hide(line, (url,)))[:300]
