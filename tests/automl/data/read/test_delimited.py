import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.data import ReadOptions, load_dataset
from automl.data.read.formats import read_source
from automl.errors import DataError

HEAD = b"a,b,y\n"
ROWS = b"".join(b"%d.5,%s,%d\n" % (i * 7 % 13, b"uvw"[i % 3 : i % 3 + 1], i % 2) for i in range(60))


def load(tmp_path, data, name="data.csv", **options):
    path = tmp_path / name
    path.write_bytes(data)
    return load_dataset(path, options=ReadOptions(**options))


def assert_same_as_plain(dataset, tmp_path):
    plain = load(tmp_path, HEAD + ROWS, "plain.csv")
    assert dataset.table.data.equals(plain.table.data)
    assert dataset.y.tolist() == plain.y.tolist()


@pytest.mark.parametrize("delimiter", [b";", b"\t", b"|"])
def test_the_delimiter_is_found_out(tmp_path, delimiter):
    dataset = load(tmp_path, (HEAD + ROWS).replace(b",", delimiter))
    assert_same_as_plain(dataset, tmp_path)


def test_a_given_delimiter_wins(tmp_path):
    data = (HEAD + ROWS).replace(b",", b"^")
    assert_same_as_plain(load(tmp_path, data, delimiter="^"), tmp_path)
    with pytest.raises(DataError, match="one ASCII character"):
        load(tmp_path, data, delimiter="::")


@pytest.mark.parametrize("n_columns", [2, 3])
def test_decimal_commas_in_many_rows_are_no_delimiters(tmp_path, n_columns):
    line = ";".join(["0,25"] * n_columns)
    text = ";".join("abc"[:n_columns]) + "\n" + f"{line}\n" * 100
    (path := tmp_path / "a.csv").write_text(text)
    assert read_source(path, ReadOptions()).names == tuple("abc"[:n_columns])


def test_semicolons_bring_the_decimal_comma(tmp_path):
    data = (HEAD + ROWS).replace(b",", b";").replace(b".", b",")
    assert_same_as_plain(load(tmp_path, data), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: b"\xef\xbb\xbf" + d,
        lambda d: d.decode().encode("utf-16"),
        lambda d: d.decode().encode("utf-16-le"),
        lambda d: d.decode().encode("utf-32"),
        lambda d: d.replace(b"\n", b"\r\n"),
        lambda d: d.replace(b"\n", b"\r"),
        lambda d: d.replace(b"\n", b"\r\n", 1),
        lambda d: d.rstrip(b"\n"),
        lambda d: d + b"\n\n",
    ],
    ids=["bom", "utf16", "utf16-no-bom", "utf32", "crlf", "cr", "mixed", "no-end", "blank-end"],
)
def test_encodings_and_line_ends_make_no_difference(tmp_path, change):
    assert_same_as_plain(load(tmp_path, change(HEAD + ROWS)), tmp_path)


@pytest.mark.parametrize("name", ["shift_jis", "gb18030", "UTF8"])
def test_a_named_encoding_is_taken(tmp_path, name):
    text = "値,b,y\n東,1,a\n西,2,b\n" + "東,3,a\n" * 9
    (tmp_path / "a.csv").write_bytes(text.encode(name))
    raw = read_source(tmp_path / "a.csv", ReadOptions(encoding=name))
    assert raw.names == ("値", "b", "y")
    assert raw.columns[0].to_pylist()[:2] == ["東", "西"]
    assert raw.notes == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shift-jus", r"^data\.encoding='shift-jus': there is no such encoding"),
        ("hex", r"^data\.encoding='hex': there is no such encoding"),
        ("ascii", r"a\.csv.*ascii"),
    ],
)
def test_an_encoding_that_is_none_or_not_of_the_file_is_refused(tmp_path, name, said):
    (tmp_path / "a.csv").write_bytes("é,b,y\n".encode() + ROWS)
    with pytest.raises(DataError, match=said):
        read_source(tmp_path / "a.csv", ReadOptions(encoding=name))


def test_bytes_that_are_not_utf8_are_read_as_cp1252_even_late(tmp_path):
    dataset = load(tmp_path, HEAD + ROWS * 2000 + b"1.5,\xe9\x80,1\n")
    assert dataset.table.data["c1"][-1].as_py() == "é€"
    dataset = load(tmp_path, "é,b,y\n".encode("latin-1") + ROWS)
    assert dataset.table.columns[0].name == "é"
    assert load(tmp_path, HEAD + ROWS + b"1,\x81,1\n").table.data["c1"][-1].as_py() == "\x81"


def test_repeated_empty_and_null_like_names_are_kept(tmp_path):
    dataset = load(tmp_path, b",NA,a,a,a,y\n" + b"1,2,3,4,7,0\n2,5,1,5,1,1\n" * 5)
    names = [(c.key, c.name, c.occurrence) for c in dataset.table.columns]
    assert names == [
        *(("c0", "", 0), ("c1", "NA", 0), ("c2", "a", 0), ("c3", "a", 1), ("c4", "a", 2)),
    ]


def test_quoted_names_and_values_may_hold_line_ends(tmp_path):
    dataset = load(tmp_path, b'"a\nb","c,d",y\n' + b'"u\nv",1,0\nw,2,1\n' * 3)
    assert [c.name for c in dataset.table.columns] == ["a\nb", "c,d"]
    assert dataset.table.data["c0"][0].as_py() == "u\nv"


def test_a_cell_longer_than_a_block_is_read(tmp_path):
    dataset = load(tmp_path, HEAD + ROWS + b"1," + b"x" * 9_000_000 + b",1\n")
    assert len(dataset.table.data["c1"][-1].as_py()) == 9_000_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (HEAD + ROWS + b"1,2,3,4\n" + ROWS, r"line 62: 4 values .* 3 columns: '1,2,3,4'"),
        (HEAD + ROWS + b"1,2\n", "line 62: 2 values"),
        (b'"a\nb",b,c\n1,2,3\n1,"2\n3",3\n1,2\n', "line 6: 2 values"),
        (HEAD + ROWS + b'1,"abc,1\n' + ROWS, "line 62: a double quote opens"),
        (HEAD + ROWS + b'1,"abc', "line 62: a double quote opens"),
        (HEAD + ROWS + b'1,b,"1\n' + ROWS, "line 62: a double quote opens"),
        (HEAD + b"1,\0,3\n" + ROWS, "line 2: there is a NUL byte"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (HEAD, "column names but no rows: 'a', 'b', 'y'"),
        (HEAD.strip(), "column names but no rows"),
        (b"a\n1\n2\n", "only one column, 'a'"),
        (HEAD + b"1,2,3\n", "only one row has a value in the target 'y'"),
        (b"<!DOCTYPE html>\n<p>Sign in</p>\n", "line 1: this is a web page"),
        (b"<?xml version='1.0'?>\n<rows/>\n", "line 1: this is XML"),
        (b'{"a": 1, "y": 2}\n', "line 1: this is JSON.*rename it to end in .json"),
        (b"-- MySQL dump 10.13\n\nCREATE TABLE t (a int);\n", "line 1: this is SQL.*as CSV"),
        (b"\nINSERT INTO t (a, b) VALUES (1, 2);\n" * 9, "line 2: this is SQL.*as CSV"),
        (b"COPY public.t (a, b) FROM stdin;\n1\t2\n", "line 1: this is SQL.*as CSV"),
        (b'[{"a": 1}]\n', "line 1: this is JSON"),
        (b"SQLite format 3\0abc", "an SQLite database.*sqlite:///path"),
        (b'a,"b,y\n1,2,3\n', "line 1: a double quote opens there"),
        (b"a,b\n", "no rows: 'a', 'b'. Add rows below the names"),
        (b"PK\x03\x04abc", "zip archive: unpack it"),
    ],
)
def test_malformed_text_is_named_with_its_place(tmp_path, data, said):
    with pytest.raises(DataError, match=said):
        load(tmp_path, data)


def test_ragged_rows_in_other_encodings_are_found_too(tmp_path):
    with pytest.raises(DataError, match="line 62"):
        load(tmp_path, (HEAD + ROWS + b"1,2\n").decode().encode("utf-16"))


def test_infinite_and_overflowing_numbers_are_missing(tmp_path):
    dataset = load(tmp_path, HEAD + ROWS + b"inf,u,0\n1e400,v,1\n-Infinity,v,1\n")
    assert dataset.table.data["c0"].slice(60).to_pylist() == [None, None, None]
    assert dataset.table.data["c0"].null_count == 3


def test_further_texts_for_missing_values_can_be_named(tmp_path):
    data = HEAD + ROWS + b"-999,u,0\n"
    assert load(tmp_path, data, missing=("-999",)).table.data["c0"][-1].as_py() is None
    assert load(tmp_path, data).table.data["c0"][-1].as_py() == -999.0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="pipe, device or socket"):
        load_dataset(tmp_path / "pipe.csv")


@settings(max_examples=150, deadline=2000)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from([b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b"1e400", b"", b"?"]),
            st.integers(0, 40),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_damaged_text_is_read_or_refused_by_name(tmp_path_factory, damages):
    data = HEAD + ROWS
    for place, inserted, n_deleted in damages:
        at = int(place * len(data))
        data = data[:at] + inserted + data[at + n_deleted :]
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(data)
    try:
        dataset = load_dataset(path)
    except DataError:
        return
    assert dataset.table.n_rows == len(dataset.y) >= 2


@pytest.mark.parametrize("n_columns", [9, 900])  # of many, marks are found in all at once
def test_texts_for_missing_values_are_found_in_few_columns_and_in_many(tmp_path, n_columns):
    path = tmp_path / "a.csv"
    names = [f"c{i}" for i in range(n_columns)]
    rows = [["x", "NA", "", "-", "1"], ["y", "b", "NA", "?", "2"], ["z", "c", "d", "e", "none"]]
    lines = [",".join((row * n_columns)[:n_columns]) for row in rows]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")
    raw = read_source(path, ReadOptions(missing=("-",), keep=("none",)))
    assert [column.to_pylist() for column in raw.columns[:5]] == [
        ["x", "y", "z"],
        [None, "b", "c"],
        [None, None, "d"],
        [None, None, "e"],
        ["1", "2", "none"],
    ]
    assert raw.columns[5].to_pylist() == ["x", "y", "z"]
