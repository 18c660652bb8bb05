import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data.options import ReadOptions
from automl.data.read.formats import read_source
from automl.data.read.records import read_records
from automl.errors import DataError


def columns_of(source):
    raw = read_source(source, ReadOptions())
    return {name: c.to_pylist() for name, c in zip(raw.names, raw.columns, strict=True)}


def test_a_dict_of_single_values_is_one_row():
    day = datetime.date(2021, 3, 1)
    row = {"x": np.float64(1.5), "n": None, "text": "ab", 7: day}
    assert columns_of(row) == {"x": [1.5], "n": [None], "text": ["ab"], "7": [day]}


@pytest.mark.parametrize("as_column", [list, tuple, np.array, pd.Series, pa.array])
def test_a_dict_of_columns_is_a_table(as_column):
    assert columns_of({"x": as_column([1, 2]), "z": as_column(["a", "b"])}) == {
        "x": [1, 2],
        "z": ["a", "b"],
    }


def test_a_list_of_dicts_is_a_row_each_and_a_key_that_lacks_is_missing():
    rows = [{"x": 1, "z": "a"}, {"z": "b", "w": float("nan")}]
    assert columns_of(rows) == {"x": [1, None], "z": ["a", "b"], "w": [None, None]}


def test_a_row_in_a_list_may_hold_lists():
    assert columns_of([{"s": [1.0, 2.0], "x": 3}]) == {"s": [[1.0, 2.0]], "x": [3]}


def test_values_of_mixed_types_are_texts():
    rows = [{"x": v} for v in (1.5, "12a", None, pd.NA, float("nan"), pd.NaT)]
    assert columns_of(rows) == {"x": ["1.5", "12a", None, None, None, None]}


def test_a_row_of_a_frame_is_one_row():
    frame = pd.DataFrame({"x": [1.5, 2.5], "z": ["a", "b"]}, index=["first", "second"])
    assert columns_of(frame.iloc[1]) == {"x": [2.5], "z": ["b"]}
    assert columns_of(frame[["x"]].iloc[0]) == {"x": [1.5]}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"x": 1, "z": [1, 2]}, r"single values \('x'\) and lists \('z'\).*\[\{\.\.\.\}\]"),
        ({"x": [1], "z": [1, 2]}, "differ in length: 'x' 1, 'z' 2"),
        ([{"x": 1}, 5], "item 1 is of type int"),
        (["a.csv"], "item 0 is of type str"),
        (pd.Series([1.0, 2.0], name="x"), r"'x' looks like a column: give series\.to_frame\(\)"),
    ],
)
def test_what_is_neither_is_refused_with_a_way_out(source, message):
    with pytest.raises(DataError, match=message):
        read_records(source)


def test_other_things_are_no_rows():
    assert read_records(np.zeros((2, 2))) is None
    assert read_records([]) is None
