"""A real PostgreSQL: what is read, what cannot be changed, and where no password is to be found."""

from __future__ import annotations

import pytest

from automl.cli import main
from automl.data import ReadOptions, load_dataset
from automl.data.read.sql import read_sql
from automl.errors import DataError

pytestmark = pytest.mark.service

QUERY = "select * from flowers where 'host=h password=Hush77' <> 'postgresql://u:Hush77@h/d'"

WORKING = {
    "before the host": "postgresql://plain:{plain}@{host}/postgres",
    "percent-encoded": "postgresql://hard:{encoded}@{host}/postgres",
    "another scheme": "postgres://hard:{encoded}@{host}/postgres?sslmode=prefer",
    "upper case": "POSTGRESQL://hard:{encoded}@{host}/postgres",
    "a parameter": "postgresql://hard@{host}/postgres?password={encoded}",
    "a parameter as it is": "postgresql://hard@{host}/postgres?password={parameter}",
    "first of two parameters": "postgresql://{host}/postgres?password={encoded}&user=hard",
    "a parameter with an encoded name": "postgresql://hard@{host}/postgres?pass%77ord={encoded}",
    "of a key": "postgresql://hard:{encoded}@{host}/postgres?sslpassword={parameter}",
    "two hosts": "postgresql://hard:{encoded}@127.0.0.1:1,{host}/postgres",
}
FAILING = {
    "wrong password": "postgresql://plain:{encoded}@{host}/postgres",
    "slash and at as they are": "postgresql://hard:{hard}@{host}/postgres",
    "a question mark as it is": "postgresql://hard:hush?{wrong}#x@{host}/postgres",
    "two ats": "postgresql://hard:hush@{wrong}@{host}/postgres",
    "an ampersand as it is": "postgresql://hard@{host}/postgres?password={hard}",
    "without a host": "postgresql://hard:{wrong}x",
    "a slash as it is": "postgresql://hard:hush/{wrong}@{host}/postgres",
    "unknown parameter": "postgresql://hard@{host}/postgres?passwort={wrong}",
    "another database": "mysql://hard:{encoded}@{host}/postgres",
    "another prefix": "jdbc:postgresql://hard:{encoded}@{host}/postgres",
    "settings": "dbname=postgres password={wrong} host={host}",
}
READ_ONLY = (
    "with gone as (delete from flowers returning *) select * from gone",
    "with new as (insert into flowers values (1, 'thin') returning *) table new",
    "select * into other from flowers",
    "select * from flowers for update",
    "select nextval('counter')",
    "select set_config('transaction_read_only', 'off', false), (select count(*) from flowers)",
    "select 1; delete from flowers",
    "select 1) to stdout; commit; delete from flowers; copy (select 1",
)
"""Statements that begin as one that reads, and that the server refuses."""


@pytest.mark.parametrize("form", WORKING)
def test_a_password_is_in_no_output_and_no_file_of_a_search(
    server, tmp_path, monkeypatch, capfd, form
):
    monkeypatch.chdir(tmp_path)
    words = ["search", server.url(WORKING[form]), f"data.sql={QUERY}", "--target", "kind"]
    words += ["family=[baseline]", "search.folds=2", "--trials=1"]
    for line in (words, [*words, "--cfg"]):
        assert main(line) == 0
        said = "".join(capfd.readouterr())
        assert server.secrets_in(said) == [], said
        assert ("60 rows" in said) is (line is words)
    paths = list(tmp_path.rglob("*"))
    assert "config.yaml" in {path.name for path in paths}
    for path in paths:
        assert server.secrets_in(str(path)) == []
        assert path.is_dir() or server.secrets_in(path.read_bytes()) == [], path


@pytest.mark.parametrize("form", FAILING)
def test_a_password_is_in_no_error(server, tmp_path, monkeypatch, capfd, form):
    monkeypatch.chdir(tmp_path)
    url = server.url(FAILING[form])
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
        assert server.secrets_in(said) == [], said
    if not form.startswith(("another", "settings")):
        with pytest.raises(DataError) as error:
            load_dataset(url, options=ReadOptions(sql=QUERY))
        assert server.secrets_in(str(error.value)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("user", ["plain", "owner"])
@pytest.mark.parametrize("query", READ_ONLY)
def test_a_query_changes_nothing_whoever_asks(server, user, query):
    url = server.url(f"postgresql://{user}:{{plain}}@{{host}}/postgres")
    with pytest.raises(DataError, match="refused the query"):
        load_dataset(url, options=ReadOptions(sql=query))
    assert server.rows("select count(*) from flowers") == [(60,)]
    assert server.rows("select count(*) from pg_tables where tablename = 'other'") == [(0,)]


@pytest.mark.parametrize(
    "query",
    [
        "copy flowers to program 'cat > {}'",
        "copy flowers to '{}'",
        "do $$ begin copy flowers to program 'cat > {}'; end $$",
        "/* /* */ select */ copy flowers to '{}'",
        "set transaction read write",
    ],
)
def test_a_superuser_runs_no_program_and_writes_no_file(server, tmp_path, query):
    tmp_path.chmod(0o777)
    url = server.url("postgresql://owner:{plain}@{host}/postgres")
    with pytest.raises(DataError, match="must be one statement that reads"):
        load_dataset(url, options=ReadOptions(sql=query.format(tmp_path / "made")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "query",
    [
        "table flowers",
        "(select * from flowers)",
        "select * from flowers -- all",
        "select * from flowers ; ",
        "-- all\n/* of them */ Select * from flowers",
        "with f as (select * from flowers) select * from f;\n",
        "values (1.5, 'thin'), (2.5, 'wide')",
    ],
)
def test_a_statement_that_reads_is_run_whatever_stands_around_it(server, query):
    url = server.url("postgresql://plain:{plain}@{host}/postgres")
    assert read_sql(url, query).n_rows == (2 if query.startswith("values") else 60)
