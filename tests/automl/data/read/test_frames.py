import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data import ReadOptions, load_dataset
from automl.data.read import frames


def column_of(values):
    """The column as it is described, and its stored values."""
    frame = pd.DataFrame({"x": values})
    frame["y"] = [i % 2 for i in range(len(frame))]
    table = load_dataset(frame, target="y").table
    return table.columns[0], table.data.column(0)


def test_intervals_are_categories():
    values = pd.cut(pd.Series(range(40)), [-1, 9, 19, 29, 39])
    for series in (values, values.astype("interval")):
        column, stored = column_of(series)
        assert (column.kind, column.n_distinct) == ("categorical", 4)
        assert stored[0].as_py() == "(-1, 9]"


def test_a_missing_interval_is_missing():
    values = pd.cut(pd.Series([*range(40), 99]), [-1, 19, 39])
    column, stored = column_of(values)
    assert (column.n_distinct, stored.null_count) == (2, 1)


@pytest.mark.parametrize("as_category", [False, True])
def test_periods_are_the_moments_they_begin_at(as_category):
    values = pd.Series(pd.period_range("2021-01", periods=40, freq="M"))
    column, stored = column_of(values.astype("category") if as_category else values)
    assert column.kind == "datetime"
    assert str(stored[1].as_py()) == "2021-02-01 00:00:00"


def test_categories_of_dates_are_dates():
    values = pd.Series(pd.date_range("2021-01-01", periods=40)).astype("category")
    assert column_of(values)[0].kind == "datetime"


@pytest.mark.parametrize("kind", ["int64", "uint64", "Int64"])
def test_whole_numbers_that_a_float_cannot_tell_apart_are_codes(kind):
    codes = pd.Series([2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3] * 10, dtype=kind)
    column, stored = column_of(codes)
    assert (column.kind, column.n_distinct) == ("categorical", 4)
    assert stored[1].as_py() == str(2**53 + 1)
    assert "'9007199254740995', are codes" in column.reason
    assert column_of(codes - 4)[0].kind == "numeric"


def test_nanoseconds_since_1970_are_numbers():
    moments = pd.Series(pd.date_range("2021-01-01", periods=40, freq="7h")).astype("int64")
    moments = moments.astype("datetime64[ns]").astype("int64")
    assert column_of(moments)[0].kind == "numeric"


def test_arrow_tables_are_read_alike():
    codes = pa.array([2**53, 2**53 + 1] * 20)
    table = load_dataset(pa.table({"x": codes, "y": [0, 1] * 20}), target="y").table
    assert table.columns[0].kind == "categorical"


def test_what_cannot_be_learnt_from_is_left_out_by_name():
    n = 40
    table = pa.table(
        {
            "bytes": [bytes([255, i]) for i in range(n)],
            "two": pa.array([b"\xff\xfe"] * n, pa.binary(2)),
            "record": [{"a": 1}] * n,
            "words": [["a"]] * n,
            "span": pa.array([pa.MonthDayNano([1, 2, 3])] * n, pa.month_day_nano_interval()),
            "coded": [b"red", b"blue"] * (n // 2),
            "y": [0, 1] * (n // 2),
        }
    )
    columns = {c.name: c for c in load_dataset(table, target="y").table.columns}
    assert columns.pop("coded").kind == "categorical"
    for column in columns.values():
        assert "are not supported" in column.left_out
    frame = pd.DataFrame({"id": [uuid.uuid4() for _ in range(n)], "x": range(n), "y": [0, 1] * 20})
    (identity, *_) = load_dataset(frame, target="y").table.columns
    assert identity.left_out


@pytest.mark.parametrize("n_rows", [3, 1001])
def test_many_columns_of_floats_are_read_without_a_series_of_each(monkeypatch, n_rows):
    values = np.random.default_rng(0).normal(size=(n_rows, 1000))
    values[0, 0], values[-1, 500], values[1, 999] = np.nan, np.inf, -0.0
    frame = pd.DataFrame(values, columns=[f"c{i}" for i in range(1000)])
    one_by_one = [pa.Array.from_pandas(series) for _, series in frame.items()]

    def refuse(series, name, where):
        raise AssertionError(name)

    monkeypatch.setattr(frames, "column_of", refuse)
    raw = frames.read_frame(frame, ReadOptions())
    assert raw.names == tuple(frame.columns)
    assert [column.combine_chunks() for column in raw.columns] == one_by_one
