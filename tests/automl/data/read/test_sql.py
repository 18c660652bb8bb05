"""Databases as sources: which URLs are theirs, and which are refused before a driver sees them."""

import sqlite3

import pytest

from automl.data.read.sql import is_database_url, read_sql
from automl.errors import DataError


@pytest.mark.parametrize(
    ("source", "is_url"),
    [
        ("postgresql://u:p@host/d", True),
        ("sqlite:///file.db", True),
        ("data.csv", False),
        ("https://host/data.csv", False),
        (None, False),
    ],
)
def test_a_database_url_is_known_by_its_scheme(source, is_url):
    assert is_database_url(source) is is_url


@pytest.mark.parametrize(
    "url", ["postgresql://u:hush/Hush@host/d", "postgresql://u:hush@Hush@host/d"]
)
def test_a_url_whose_parts_cannot_be_told_apart_is_refused_with_the_way_to_write_it(url):
    with pytest.raises(DataError, match=r"must be written as %40 or %2F") as error:
        read_sql(url, "select 1")
    assert "ush" not in str(error.value)


@pytest.fixture
def url(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table t (a)")
        database.execute("insert into t values (1)")
    return f"sqlite:///{tmp_path}/a.db"


@pytest.mark.parametrize(
    "query",
    [
        "select a from t",
        "SELECT a FROM t;",
        "select a from t -- b;",
        " -- all\n/* of\n it */ Select a from t ;\n",
        "with x as (select a from t) select * from x",
        "values (1)",
    ],
)
def test_a_statement_that_reads_is_run_whatever_stands_around_it(url, query):
    assert read_sql(url, query).columns[0].to_pylist() == [1]


@pytest.mark.parametrize(
    "query",
    [
        "copy t to program 'id'",
        "COPY (select 1) TO '/tmp/x'",
        "do $$ begin null; end $$",
        "vacuum into 'b.db'",
        "attach 'file:b.db?mode=rwc' as b",
        "pragma journal_mode=delete",
        "call f()",
        "explain analyze select 1",
        "set transaction read write",
        "commit",
        "selected",
        "-- select\rcopy t to program 'id'",
        "/* /* */ select */ copy t to program 'id'",
        "(((copy t to program 'id')))",
        "; select 1",
        "'select'",
    ],
)
def test_a_statement_of_another_kind_is_never_sent(url, query, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("adbc_driver_sqlite.dbapi.connect", lambda url: pytest.fail("was sent"))
    with pytest.raises(DataError, match="must be one statement that reads and begins with SELECT"):
        read_sql(url, query)
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize(
    "query",
    ["with x as (select 1) delete from t", "with x as (select 1) replace into t values (2)"],
)
def test_a_session_changes_nothing_whatever_the_statement_begins_with(url, query, tmp_path):
    with pytest.raises(DataError, match="refused the query"):
        read_sql(url, query)
    with sqlite3.connect(tmp_path / "a.db") as database:
        assert database.execute("select * from t").fetchall() == [(1,)]


def test_a_refused_statement_is_shown_without_its_password(url):
    with pytest.raises(DataError) as error:
        read_sql(url, "copy t from program 'curl postgresql://u:Hush77@h' -- password=Hush77")
    assert "Hush77" not in str(error.value)
    assert "postgresql://u:***@h" in str(error.value)
