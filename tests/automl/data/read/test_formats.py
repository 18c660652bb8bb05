import gzip
import os
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.cli.output import output_path, write_output
from automl.data import ReadOptions, fingerprint, load_dataset
from automl.data.read.formats import read_source
from automl.data.read.streams import open_decompressed
from automl.errors import DataError, MissingExtraError


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": rng.normal(size=40).round(4),
            "n": pd.array(rng.integers(0, 9, 40), dtype="Int64"),
            "c": ["u", "v", None, "w"] * 10,
            "zip": ["01234", "99999"] * 20,
            "d": pd.date_range("2020-01-01 10:00", periods=40, freq="h"),
            "y": ["no", "yes"] * 20,
        }
    )


@pytest.mark.parametrize(
    "name",
    [
        *("t.csv", "t.tsv", "t.csv.gz", "t.CSV", "t.jsonl", "t.ndjson", "t.jsonl.gz"),
        *("t.parquet", "t.feather", "t.arrow", "t.csv.zst", "t.csv.bz2"),
    ],
)
def test_every_format_gives_the_same_data(tmp_path, name):
    path, table = tmp_path / name, frame()
    inner = name.removesuffix(".gz").lower()
    if inner.endswith(".parquet"):
        table.to_parquet(path)
    elif inner.endswith((".feather", ".arrow")):
        table.to_feather(path, compression="uncompressed")
    elif "json" in inner or inner.endswith("ndjson"):
        table.to_json(path, orient="records", lines=True, date_format="iso")
    elif name.endswith((".zst", ".bz2")):
        text = table.to_csv(index=False).encode()
        with pa.CompressedOutputStream(str(path), "zstd" if "zst" in name else "bz2") as out:
            out.write(text)
    else:
        table.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    assert fingerprint(load_dataset(path)) == fingerprint(load_dataset(frame()))


def test_frames_of_other_libraries_give_the_same_data():
    expected = fingerprint(load_dataset(frame()))
    assert fingerprint(load_dataset(pl.from_pandas(frame()))) == expected
    assert fingerprint(load_dataset(pa.Table.from_pandas(frame()))) == expected
    assert fingerprint(load_dataset(frame().to_dict("list"))) == expected


def test_pandas_may_repeat_names_and_mix_types():
    data = pd.DataFrame([[1, "a", 0], ["?", "b", 1], [3.5, "c", 0]], columns=["q", "q", 7])
    dataset = load_dataset(data)
    assert [(c.name, c.occurrence) for c in dataset.table.columns] == [("q", 0), ("q", 1)]
    assert dataset.table.data["c0"].to_pylist() == [1.0, None, 3.5]
    assert dataset.target.name == "7"


def test_an_array_is_a_table_and_other_objects_are_not():
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert load_dataset(X).table.n_rows == 20
    for wrong in (5, None, [1, 2], X[0]):
        with pytest.raises(DataError):
            load_dataset(wrong)


def test_polars_categories_are_categories():
    data = pl.DataFrame(
        {"c": pl.Series(["a", None, "b"] * 4, dtype=pl.Categorical), "y": [0, 1, 0] * 4}
    )
    dataset = load_dataset(data)
    assert dataset.table.columns[0].kind == "categorical"
    assert dataset.table.data["c0"].to_pylist()[:3] == ["a", None, "b"]


def database(tmp_path):
    path = tmp_path / "my data.db"
    connection = sqlite3.connect(path)
    connection.execute("create table t (x real, c text, y integer)")
    rows = [(i * 0.5, None if i < 30 else "u", i % 2) for i in range(2000)]
    connection.executemany("insert into t values (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_a_query_on_sqlite_is_read(tmp_path):
    query = "select x, c, y from t where x < 600 order by x"
    dataset = load_dataset(database(tmp_path), options=ReadOptions(sql=query))
    assert dataset.table.n_rows == 1200
    assert [str(c.kind) for c in dataset.table.columns] == ["numeric", "categorical"]
    assert dataset.target.classes == (0, 1)


def test_a_database_needs_a_query_that_only_reads(tmp_path):
    url = database(tmp_path)
    with pytest.raises(DataError, match=r"data\.sql='SELECT"):
        load_dataset(url)
    with pytest.raises(DataError, match="no such table: nope"):
        load_dataset(url, options=ReadOptions(sql="select * from nope"))
    with pytest.raises(DataError, match="readonly"):
        load_dataset(url, options=ReadOptions(sql="with x as (select 1) delete from t"))


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        load_dataset(f"sqlite:///{tmp_path}/no.db", options=ReadOptions(sql="select 1"))
    assert not (tmp_path / "no.db").exists()


def test_a_password_is_not_shown():
    url = "postgresql://me:secret@localhost:1/db"
    with pytest.raises(DataError) as error:
        load_dataset(url, options=ReadOptions(sql="select 1"))
    assert "secret" not in str(error.value)
    assert "me:***@localhost" in str(error.value)


def test_without_the_connectors_the_extra_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "adbc_driver_sqlite.dbapi", None)
    with pytest.raises(MissingExtraError, match=r"\[sql\]"):
        load_dataset(database(tmp_path), options=ReadOptions(sql="select * from t"))


def test_sql_on_a_file_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,y\n1,2\n")
    with pytest.raises(DataError, match="not a database URL"):
        load_dataset(tmp_path / "a.csv", options=ReadOptions(sql="select 1"))


def test_what_is_not_there_is_hinted(tmp_path):
    (tmp_path / "train.csv").write_text("a,y\n1,0\n2,1\n")
    with pytest.raises(DataError, match=r"did you mean 'train\.csv'"):
        load_dataset(tmp_path / "trian.csv")
    with pytest.raises(DataError, match=r"folder .* does not exist"):
        load_dataset(tmp_path / "nowhere" / "train.csv")
    with pytest.raises(DataError, match=r"is a directory: name one file in it, such as train\.csv"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    "source", ["", "\0", "/dev/zero", "x" * 5000 + ".csv", "https://example.org/a.csv"]
)
def test_paths_that_are_no_files_are_refused(source):
    with pytest.raises(DataError):
        load_dataset(source)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.xyz", b"a,y\n1,2\n", r"extension '.xyz'.*\.parquet"),
        ("a.csvv", b"a,y\n1,2\n", r"did you mean '\.csv'"),
        ("a.csv.gz", b"a,y\n1,2\n", "not a gzip file"),
        ("a.csv.gz", gzip.compress(os.urandom(5000))[:-2000], "damaged compressed file"),
        ("a.parquet", b"abcd" * 10, "not a Parquet file"),
        ("a.feather", b"abcd" * 10, "not a Feather"),
        ("a.csv", b"PAR1abcd", r"rename it to end in \.parquet"),
        (
            "a.sql",
            b"INSERT INTO t VALUES (1, 2);\n" * 9,
            r"\.sql files.*as CSV, or load",
        ),
        ("a.json", b'[{"a": 1}, 2]', "one JSON array whose item 2 is not an object"),
        ("a.jsonl", b'{"a": 1, "y": 2}\n{"a": 2, "y": 3\n', "about line 2"),
        ("a.jsonl", b'{"a": "\xff", "y": 2}\n{"a": "x", "y": 3}\n', "not UTF-8"),
    ],
)
def test_files_that_are_not_what_they_seem_are_named(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        load_dataset(tmp_path / name)


def test_nested_columns_are_left_out_with_their_type(tmp_path):
    lines = (f'{{"a": {i * i}, "b": ["x"], "y": {i % 2}}}\n' for i in range(30))
    (tmp_path / "a.jsonl").write_text("".join(lines))
    columns = load_dataset(tmp_path / "a.jsonl").table.columns
    assert columns[1].left_out.startswith("values of type list")


def test_a_file_that_grows_beyond_reason_is_refused(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"a,y\n")
        for _ in range(140):
            file.write(b"1,1\n" * (1 << 18))
    with pytest.raises(DataError, match="grows to more than"):
        load_dataset(path)


def test_compressed_streams_give_all_bytes(tmp_path):
    data = os.urandom(3_000_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    with open_decompressed(Path(tmp_path / "a.gz"), "gzip") as file:
        assert file.read() == data


def test_columns_are_dropped_by_name():
    dataset = load_dataset(frame(), options=ReadOptions(drop=("zip", "d")))
    assert [c.name for c in dataset.table.columns] == ["x", "n", "c"]
    with pytest.raises(DataError, match="did you mean 'zip'"):
        load_dataset(frame(), options=ReadOptions(drop=("zipp",)))


ODD_LABELS = st.one_of(
    st.sampled_from(
        ["prediction", "Total", "sum", "#1", "//", "%", "a;b;c", "a|b", "a,b;c", '";"']
    ),
    st.text(
        st.one_of(
            st.sampled_from("=+-@'\\\t\n\r\x1b\x00\x9b\u202e\"x1b,;|0 5e.é#"),
            st.characters(exclude_categories=["Cs"]),
        ),
        min_size=1,
        max_size=8,
    ),
)


@given(
    labels=st.lists(ODD_LABELS, min_size=1, max_size=5),
    times=st.sampled_from([1, 2, 30]),
    ending=st.sampled_from([".csv", ".tsv", ".psv"]),
    ids=st.sampled_from([None, "id", "=name"]),
)
def test_every_label_that_we_write_is_read_back_exactly(labels, times, ending, ids):
    labels = labels * times
    names, columns = ["prediction"], [labels]
    if ids is not None:
        names, columns = [ids, *names], [[f"r{i}" for i in range(len(labels))], labels]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        write_output(output_path(str(path), "-"), "-", names, columns, raw=False)
        raw = read_source(path, ReadOptions(vocabulary=()))
    assert raw.names == tuple(names)
    assert raw.columns[-1].to_pylist() == labels
    assert not any("left out" in note for note in raw.notes)


@pytest.mark.parametrize("last", ["Total", "#3", "mean", "prediction"])
@pytest.mark.parametrize("names", [["prediction"], ["id", "prediction"]])
def test_a_label_that_looks_like_another_line_is_a_label(tmp_path, names, last):
    labels = [*"ab" * 12, last]
    columns = [[str(i) for i in range(len(labels))], labels][-len(names) :]
    write_output(output_path(str(tmp_path / "a.csv"), "-"), "-", names, columns, raw=False)
    raw = read_source(tmp_path / "a.csv", ReadOptions())
    assert raw.columns[-1].to_pylist() == labels
    assert raw.notes == ()


def test_a_link_that_leads_nowhere_is_told_with_its_end(tmp_path):
    (tmp_path / "link.csv").symlink_to("nowhere.csv")
    with pytest.raises(DataError, match=r"link to nowhere\.csv, which does not exist: name a file"):
        load_dataset(tmp_path / "link.csv")


def test_texts_that_are_kept_from_excel_are_read_as_texts(tmp_path):
    rows = "".join(f'"=""{i:03}""","=""{i}""","\'=""x""",{i % 2}\n' for i in range(30))
    (tmp_path / "a.csv").write_text(f"code,n,label,y\n{rows}")
    raw = read_source(tmp_path / "a.csv", ReadOptions())
    assert [column[7].as_py() for column in raw.columns] == ["007", "7", '="x"', "1"]
