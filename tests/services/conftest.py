"""A PostgreSQL server of the system's packages, started for the tests by a user that may."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

PLAIN_PASSWORD = "plainSecret77"
HARD_PASSWORD = "Pw/1#2?3@4%5&6"
"""Has every character that ends a part of a URL."""
FORMS = {
    "plain": PLAIN_PASSWORD,
    "hard": HARD_PASSWORD,
    "encoded": quote(HARD_PASSWORD, safe=""),
    "parameter": HARD_PASSWORD.replace("%", "%25").replace("&", "%26"),
    "wrong": "Hush77",
}
"""Passwords as they stand in URLs."""
PARTS = ("Pw/1", "1#2", "3@4", "3%404", "5&6")
PACKAGES = Path("/usr/lib/postgresql")


def _programs() -> Path:
    """Folder of the server's programs; where there is none the tests are skipped by name."""
    on_path = shutil.which("initdb")
    packaged = [folder for folder in PACKAGES.glob("*/bin") if (folder / "initdb").exists()]
    if packaged:
        return max(packaged, key=lambda folder: int(folder.parent.name))
    if on_path is None:
        pytest.skip("PostgreSQL is not installed: there is no initdb")
    return Path(on_path).resolve().parent


def _user() -> str | None:
    """Who runs the server, which refuses root: somebody else where the tests run as root."""
    if os.getuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass(frozen=True)
class Server:
    """A running server with a table ``flowers`` of 60 rows.

    Its users are ``owner``, who may do everything, and ``plain`` and ``hard``, who may change the
    table. They are named by their passwords; that of ``owner`` is the plain one.

    Attributes:
        port: Where it listens on 127.0.0.1.
    """

    port: int

    def url(self, form: str) -> str:
        """Fills ``{host}`` and passwords, such as ``{encoded}``, into the form of a URL."""
        return form.format(host=f"127.0.0.1:{self.port}", **FORMS)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Runs a query as the owner, and keeps what it changes."""
        import adbc_driver_postgresql.dbapi as postgresql

        url = self.url("postgresql://owner:{plain}@{host}/postgres")
        with postgresql.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            found = cursor.fetchall() if cursor.description else []
            connection.commit()
        return found

    def secrets_in(self, text: str | bytes) -> list[str]:
        """Passwords that a text or the content of a file holds, whole or in part."""
        if isinstance(text, bytes):  # the short parts come up by chance in the bytes of a model
            return [secret for secret in FORMS.values() if secret.encode() in text]
        return [secret for secret in (*FORMS.values(), *PARTS) if secret in text]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    programs, user = _programs(), _user()
    # not in a temporary folder of root's, which nobody else may enter
    folder = Path(tempfile.mkdtemp(prefix="automl-postgres-", dir=None if user is None else "/tmp"))
    passwords = folder / "password"
    passwords.write_text(PLAIN_PASSWORD)
    if user is not None:
        shutil.chown(folder, user)
        shutil.chown(passwords, user)
    data, environment = folder / "data", {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    command = [str(programs / "initdb"), "-D", str(data), "-U", "owner", "-A", "scram-sha-256"]
    command += [f"--pwfile={passwords}", "-N"]
    subprocess.run(command, check=True, capture_output=True, user=user, env=environment, cwd=folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
    command += ["-F", "-c", "unix_socket_directories="]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, user=user, env=environment, cwd=folder
        )
    try:
        started = Server(port)
        _wait(started, process, folder / "log")
        _fill(started)
        yield started
    finally:
        process.send_signal(signal.SIGINT)  # which does not wait for clients to leave
        process.wait(60)
        shutil.rmtree(folder)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import adbc_driver_postgresql.dbapi as postgresql

    for _ in range(300):
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            server.rows("select 1")
        except postgresql.Error:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"PostgreSQL does not answer: {log.read_text(errors='replace')}")


def _fill(server: Server) -> None:
    server.rows(f"create role hard login password '{HARD_PASSWORD}'")
    server.rows(f"create role plain login password '{PLAIN_PASSWORD}'")
    server.rows(
        "create table flowers as select (i % 10)::float8 as width, "
        "case when i % 10 > 4 then 'wide' else 'thin' end as kind from generate_series(0, 59) as i"
    )
    server.rows("grant all on flowers to hard, plain")
    server.rows("create sequence counter")
    server.rows("grant all on sequence counter to hard, plain")
