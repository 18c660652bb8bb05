"""Many columns of few rows are read and converted as each of them by itself would be."""

from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.data import ReadOptions, load_dataset, load_features, short_columns
from automl.data.columns import values as columns_values
from automl.data.read.frames import read_frame
from automl.data.short_columns import FEW_ROWS, MANY_COLUMNS, encoded, joined, parted

TEXTS = ["a", " a ", "", "NA", "7", "7.0", "yes", "2020-01-02", "31/12/2020", "new", None]
MOMENTS = ["2020-01-02", "2020-01-02T03:04:05", "2020-01-02T03:04Z", "31/12/2020", "x", None]
N_KNOWN = 40


@pytest.fixture(scope="module")
def columns():
    """Columns of a known table: as many of each kind as are converted at once."""
    rng = np.random.default_rng(0)
    many = range(MANY_COLUMNS)
    known = (
        {f"c{i}": rng.choice([*"abcd"], N_KNOWN) for i in many}
        | {f"b{i}": rng.choice(["yes", "no"], N_KNOWN) for i in many}
        | {f"x{i}": rng.normal(size=N_KNOWN) for i in many}
        | {f"d{i}": rng.choice(["2020-01-02", "2021-03-04"], N_KNOWN) for i in many}
        | {f"$ {i}": rng.choice(["$1,200.5", "$12"], N_KNOWN) for i in many}
        | {"y": rng.integers(0, 2, N_KNOWN)}
    )
    return load_dataset(pd.DataFrame(known), target="y").table.columns


def rows(data, columns):
    """Rows of which most cells are plain, and a few odd."""
    n_rows = data.draw(st.integers(1, 3))
    names = [column.name for column in columns]
    cells = {"c": "a", "b": "no", "x": 0.5, "d": "2021-03-04", "$": "$7"}
    odd = {
        "c": TEXTS,
        "b": TEXTS,
        "x": [*TEXTS, 1, np.nan, np.inf],
        "d": MOMENTS,
        "$": [*TEXTS, "12,5"],
    }
    found = {name: [cells[name[0]]] * n_rows for name in names}
    for name in data.draw(st.lists(st.sampled_from(names), max_size=4)):
        value = st.sampled_from(odd[name[0]])
        found[name] = data.draw(st.lists(value, min_size=n_rows, max_size=n_rows))
    return found


def one_by_one(read):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(short_columns, "FEW_ROWS", 0)
        patch.setattr("automl.data.align.FEW_ROWS", 0)
        patch.setattr("automl.data.read.records.FEW_ROWS", 0)
        patch.setattr("automl.data.read.frames.FEW_ROWS", 0)
        return read()


@pytest.mark.parametrize("form", [dict, pd.DataFrame, pa.table])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_few_rows_are_what_each_column_gives_by_itself(columns, form, data):
    found = rows(data, columns)
    new = pa.Table.from_pandas(pd.DataFrame(found).astype(str)) if form is pa.table else form(found)
    at_once = load_features(new, columns)
    alone = one_by_one(lambda: load_features(new, columns))
    assert at_once.data.equals(alone.data)
    assert at_once.data.schema.equals(alone.data.schema)
    assert at_once.misfits == alone.misfits


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"$ 0": "12,5", "$ 1": "$1,200"}, {"$ 0": 12.5, "$ 1": 1200.0}),
        ({"d0": "31/12/2020", "d1": "01/02/2020"}, {"d1": datetime(2020, 1, 2)}),
    ],
)
def test_the_reading_of_a_column_is_not_that_of_others(columns, odd, expected):
    cells = {"c": "a", "b": "no", "x": 0.5, "d": "2021-03-04", "$": "$7"}
    row = {column.name: cells[column.name[0]] for column in columns}
    table = load_features(row | odd, columns)
    keys = {column.name: column.key for column in columns}
    assert {name: table.data[keys[name]][0].as_py() for name in expected} == expected


@pytest.mark.parametrize("n_rows", [1, 2, FEW_ROWS])
@pytest.mark.parametrize("dtype", ["str", "string", object, "category"])
def test_a_frame_of_texts_and_numbers_is_read_as_its_series_are(n_rows, dtype):
    texts = pd.DataFrame({f"t{i}": pd.Series(["a", None] * n_rows, dtype=dtype) for i in range(40)})
    frame = texts.iloc[:n_rows].assign(n=1, x=0.5, none=np.nan, when=datetime(2020, 1, 2), z=-0.0)
    at_once = read_frame(frame, ReadOptions())
    alone = one_by_one(lambda: read_frame(frame, ReadOptions()))
    assert at_once.columns == alone.columns


@pytest.mark.parametrize("odd", [1, True, np.float64(2), "\ud800", None, float("nan"), ["a"], b"a"])
def test_rows_as_python_values_are_read_as_their_columns_are(odd):
    row = {f"t{i}": "a" for i in range(40)} | {f"x{i}": 0.5 for i in range(40)}
    source = [row | {"t3": odd}, row | {"x4": odd, "x5": float("nan"), "x6": None}]

    def read():
        try:
            return read_frame(source, ReadOptions()).columns
        except UnicodeEncodeError as error:
            return str(error)

    assert read() == one_by_one(read)


def test_one_conversion_serves_all_columns_of_a_kind(columns, monkeypatch):
    calls = []
    monkeypatch.setattr(
        columns_values,
        "to_strings",
        lambda c, of=columns_values.to_strings: calls.append(1) or of(c),
    )
    row = {
        c.name: {"c": "a", "b": "no", "x": 0.5, "d": "2021-03-04"}.get(c.name[0]) for c in columns
    }
    load_features(row, columns)
    assert len(calls) == 2  # of categories, and of booleans


@pytest.mark.parametrize("most", [0, 100])
def test_columns_are_joined_and_parted(most, monkeypatch):
    monkeypatch.setattr(short_columns, "MOST_NAMES", most)
    texts = [pa.array(["a", None]), pa.array(["b", "a"])]
    for parts in (texts, [part.dictionary_encode() for part in texts]):
        assert joined(parts).to_pylist() == ["a", None, "b", "a"]
        assert parted(joined(parts), 2) == texts


@pytest.mark.parametrize("texts", [["a"], [None], ["a", "a"], ["b", None, "a"]])
def test_a_column_is_encoded_as_arrow_does(texts):
    column = pa.array(texts, pa.string())
    assert encoded(column).equals(column.dictionary_encode())


def test_one_row_of_a_frame_is_read_without_a_copy_of_its_columns(monkeypatch):
    texts, numbers = (
        dict.fromkeys(range(start, start + 40), v) for start, v in ((0, "a"), (40, 0.5))
    )
    frame, taken = pd.DataFrame(texts | numbers, index=[7]), []
    take = pd.DataFrame.take
    monkeypatch.setattr(
        pd.DataFrame, "take", lambda f, at, *a, **o: taken.extend(at) or take(f, at, *a, **o)
    )
    assert [c[0].as_py() for c in read_frame(frame, ReadOptions()).columns] == ["a"] * 40 + [
        0.5
    ] * 40
    assert taken == []
