"""Reads the result of an SQL query through ADBC drivers."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from automl.data.raw_table import RawTable, plain_strings
from automl.data.read.streams import require_regular_file
from automl.errors import DataError, MissingExtraError
from automl.formatting import shortened
from automl.redact import hide, shown, without_passwords
from automl.surface import named

__all__ = ["DATABASE_SCHEMES", "is_database_url", "read_sql"]

DATABASE_SCHEMES = ("postgresql", "postgres", "sqlite")
SQLITE_TYPE_ROWS = 1 << 20
"""Rows from which the SQLite driver infers the type of a column."""
MOST_SHOWN = 60
READING = ("SELECT", "WITH", "VALUES", "TABLE")
"""First words of the accepted statements, which return rows."""
_BEFORE = re.compile(r"(?:[\s(]|--[^\r\n]*\r?\n|/\*(?:(?!/\*).)*?\*/)*", re.DOTALL)
"""Blanks and comments before a statement, without PostgreSQL's nested comments."""


def is_database_url(source: object) -> bool:
    """Whether a source is the URL of a database."""
    if not isinstance(source, str | Path):  # str() of a frame would be slow
        return False
    scheme, mark, _ = str(source).partition("://")
    return bool(mark) and scheme.lower() in DATABASE_SCHEMES


def read_sql(url: str, query: str | None) -> RawTable:
    """Runs a query.

    Args:
        url: ``sqlite:///relative/path``, ``sqlite:////absolute/path`` or ``postgresql://...``.
        query: One statement that begins with a word of ``READING``. The session is read-only as
            well, because a ``WITH`` may delete rows. The driver prepares the statement, and
            databases prepare one at a time, so no second statement can follow.

    Raises:
        DataError: The query is missing or of another kind, or the database refuses it; the
            message has the reason of the database.
        MissingExtraError: The extra ``sql`` is not installed.
    """
    where = shown(url)
    if not query or not query.strip():
        raise DataError(
            f"{where} is a database: give a query, such as "
            f"{named('data.sql', 'SELECT * FROM my_table')}"
        )
    _check_reads(query)
    sqlite = url.lower().startswith("sqlite:")
    if not sqlite:
        _check_url(url)
    database_error: type[Exception] = _driver("adbc_driver_manager", "a database").Error
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


def _driver(module: str, what: str) -> Any:
    try:
        return import_module(f"{module}.dbapi")
    except ImportError:
        raise MissingExtraError(f"reading {what}", module, "sql") from None


def _connect_sqlite(url: str) -> Any:
    sqlite = _driver("adbc_driver_sqlite", "SQLite")
    path = unquote(url.split("://", 1)[1])
    path = path[1:] if path.startswith("/") else path
    if not path:
        raise DataError(f"{shown(url)!r} has no path: write sqlite:///path/to/file.db")
    require_regular_file(Path(path))  # the driver would create an empty database
    return sqlite.connect(Path(path).absolute().as_uri() + "?mode=ro")


def _connect_postgresql(url: str) -> Any:
    postgresql = _driver("adbc_driver_postgresql", "PostgreSQL")
    scheme, _, rest = url.partition("://")
    return postgresql.connect(f"{scheme.lower()}://{rest}")


def _check_reads(query: str) -> None:
    """Refuses statements that do not begin with a word of ``READING``.

    Read-only sessions allow some of them: ``COPY ... TO PROGRAM`` runs a program on the server,
    and ``VACUUM INTO`` and ``ATTACH`` of SQLite create files.
    """
    start = _BEFORE.match(query)
    statement = query[start.end() if start else 0 :]
    word = re.match(r"\w*", statement)
    if word is None or word[0].upper() not in READING:
        text = " ".join(without_passwords(statement).split())
        raise DataError(
            f"{named('data.sql')} must be one statement that reads and begins with "
            f"{', '.join(READING[:-1])} or {READING[-1]}, got {shortened(text, MOST_SHOWN)!r}"
        )


def _closed(query: str) -> str:
    """Ends a query so that the driver can append a bracket: without semicolon or open comment."""
    return query.rstrip("; \t\r\n") + "\n"


def _check_url(url: str) -> None:
    """Refuses a URL whose parts are ambiguous, before the driver quotes some of it in an error.

    The driver ends name and password at the first ``@``, and does not find them after a ``/``.
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
