"""A real PostgreSQL: what is read, what cannot be changed, and where no password is to be found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from automl.cli import main
from automl.data import ReadOptions, load_dataset
from automl.errors import DataError

PASSWORD = "Pw/1#2?3@4%5&6"
PLAIN = "plainSecret77"
pytestmark = pytest.mark.service

QUERY = "select * from flowers"
ENCODED = quote(PASSWORD, safe="")
LESS_ENCODED = PASSWORD.replace("%", "%25").replace("&", "%26")

WORKING = {
    "before the host": f"postgresql://plain:{PLAIN}@HOST/postgres",
    "percent-encoded": f"postgresql://app:{ENCODED}@HOST/postgres",
    "another scheme": f"postgres://app:{ENCODED}@HOST/postgres?sslmode=prefer",
    "a parameter": f"postgresql://app@HOST/postgres?password={ENCODED}",
    "a parameter as it is": f"postgresql://app@HOST/postgres?password={LESS_ENCODED}",
    "first of two parameters": f"postgresql://HOST/postgres?password={ENCODED}&user=app",
    "a parameter with an encoded name": f"postgresql://app@HOST/postgres?pass%77ord={ENCODED}",
    "of a key": f"postgresql://app:{ENCODED}@HOST/postgres?sslpassword={LESS_ENCODED}",
}
FAILING = {
    "wrong password": f"postgresql://plain:{ENCODED}@HOST/postgres",
    "slash and at as they are": f"postgresql://app:{PASSWORD}@HOST/postgres",
    "a question mark as it is": "postgresql://app:hush?Hush77#x@HOST/postgres",
    "two ats": "postgresql://app:hush@Hush77@HOST/postgres",
    "an ampersand as it is": f"postgresql://app@HOST/postgres?password={PASSWORD}",
    "without a host": "postgresql://app:Hush77x",
    "a slash as it is": "postgresql://app:hush/Hush77@HOST/postgres",
    "unknown parameter": "postgresql://app@HOST/postgres?passwort=Hush77",
    "another database": f"mysql://app:{ENCODED}@HOST/postgres",
    "another prefix": f"jdbc:postgresql://app:{ENCODED}@HOST/postgres",
    "settings": "dbname=postgres password=Hush77 host=HOST",
}
HUSHED = (PASSWORD, ENCODED, LESS_ENCODED, PLAIN, "Hush77", "Pw/1", "1#2", "3@4", "3%404", "5&6")


def automl(*words: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "automl", *words], cwd=folder, capture_output=True, timeout=120
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def check_hushed(text: str) -> None:
    assert [secret for secret in HUSHED if secret in text] == [], text


def check_files(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in folder.rglob("*"):
        check_hushed(str(path))
    for path in files:
        content = path.read_bytes()
        # two or three letters come up by chance in the bytes of a model
        assert [s for s in HUSHED if len(s) > 4 and s.encode() in content] == [], path


@pytest.mark.parametrize("form", WORKING)
def test_a_password_is_in_no_output_and_no_file_of_a_search(server, tmp_path, form):
    url = WORKING[form].replace("HOST", f"127.0.0.1:{server.port}")
    words = ("search", url, f"data.sql={QUERY}", "family=[linear]", "search.folds=2", "--trials=1")
    status, said = automl(*words, "--target", "kind", folder=tmp_path)
    assert status == 0, said
    check_hushed(said)
    assert "60 rows" in said
    check_hushed(automl(*words, "--cfg", folder=tmp_path)[1])
    check_files(tmp_path / "runs")


@pytest.mark.parametrize("form", FAILING)
def test_a_password_is_in_no_error(server, tmp_path, monkeypatch, capfd, form):
    monkeypatch.chdir(tmp_path)
    url = FAILING[form].replace("HOST", f"127.0.0.1:{server.port}")
    for line in (
        ["search", url, f"data.sql={QUERY}", "--trials=1", "-v"],
        ["search", url, f"data.sql={QUERY}", "--cfg"],
        ["search", url, url, "no.such=1"],
        ["search", "data.csv", f"data_path={url}", "--cfg"],
        ["search", "data.csv", f"--series-table={url}", "--series-id=a", "--cfg"],
        ["inspect", url, f"data.sql={QUERY}"],
        ["leaderboard", url],
        [url],
    ):
        main(line)
        said = "".join(capfd.readouterr())
        assert said
        check_hushed(said)
    if not form.startswith(("another", "settings")):
        with pytest.raises(DataError) as error:
            load_dataset(url, options=ReadOptions(sql=QUERY))
        check_hushed(str(error.value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "query",
    [
        "delete from flowers",
        "drop table flowers",
        "insert into flowers values (1, 'thin') returning width",
        "with gone as (delete from flowers returning *) select * from gone",
        "create table other as select * from flowers",
        "select nextval('counter')",
        "set transaction read write; delete from flowers",
        "commit; delete from flowers",
        "select 1) to stdout; commit; delete from flowers; copy (select 1",
    ],
)
def test_a_query_can_change_nothing(server, query):
    url = f"postgresql://plain:{PLAIN}@127.0.0.1:{server.port}/postgres"
    with pytest.raises(DataError, match="refused the query"):
        load_dataset(url, options=ReadOptions(sql=query))
    assert server.rows("select count(*) from flowers") == [(60,)]
