"""A PostgreSQL server of the system's packages, started for the tests by a user that may."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "Pw/1#2?3@4%5&6"
"""Of the test's user: every letter that ends a part of a URL."""
PLAIN_PASSWORD = "plainSecret77"
USUAL_PLACES = Path("/usr/lib/postgresql")


def _program(name: str) -> str:
    """Path of a program of the server; where there is none the test is skipped by name."""
    found = shutil.which(name)
    for folder in sorted(USUAL_PLACES.glob("*/bin"), reverse=True):
        found = str(folder / name) if (folder / name).exists() else found
        break
    if found is None:
        pytest.skip(f"PostgreSQL is not installed: there is no {name}")
    return found


def _user() -> str | None:
    """Who runs the server, which refuses root: somebody else where the tests run as root."""
    if os.getuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: Where it listens on 127.0.0.1.
    """

    port: int

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Runs a query as its owner, and keeps what it changes."""
        import adbc_driver_postgresql.dbapi as postgresql

        url = f"postgresql://owner:{PLAIN_PASSWORD}@127.0.0.1:{self.port}/postgres"
        with postgresql.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            found = cursor.fetchall() if cursor.description else []
            connection.commit()
        return found


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    initdb, postgres = _program("initdb"), _program("postgres")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="automl-postgres-"))
    passwords = folder / "password"
    passwords.write_text(PLAIN_PASSWORD)
    if user is not None:
        shutil.chown(folder, user)
        shutil.chown(passwords, user)
    data, environment = folder / "data", {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    command = [initdb, "-D", str(data), "-U", "owner", "-A", "scram-sha-256"]
    command += [f"--pwfile={passwords}", "-N"]
    subprocess.run(command, check=True, capture_output=True, user=user, env=environment, cwd=folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-F"]
    command += ["-c", "unix_socket_directories="]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, user=user, env=environment, cwd=folder
        )
    try:
        _wait(port, process, folder / "log")
        yield _filled(Server(port))
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    import adbc_driver_postgresql.dbapi as postgresql

    url = f"postgresql://owner:{PLAIN_PASSWORD}@127.0.0.1:{port}/postgres"
    for _ in range(300):
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            postgresql.connect(url).close()
        except postgresql.Error:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"PostgreSQL does not answer: {log.read_text(errors='replace')}")


def _filled(server: Server) -> Server:
    """Has a table, and a user for each password."""
    server.rows(f"create role app login password '{PASSWORD}'")
    server.rows(f"create role plain login password '{PLAIN_PASSWORD}'")
    server.rows(
        "create table flowers as select (i % 10)::float8 as width, "
        "case when i % 10 > 4 then 'wide' else 'thin' end as kind from generate_series(0, 59) as i"
    )
    server.rows("grant all on flowers to app, plain")
    server.rows("create sequence counter")
    server.rows("grant all on sequence counter to app, plain")
    return server
