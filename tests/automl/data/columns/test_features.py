"""Columns become features one after the other, and what was read of them is let go."""

import pyarrow as pa

from automl.data.columns.features import infer_columns
from automl.data.options import Reading, ReadOptions
from automl.data.raw_table import RawTable, let_go


def raw(**columns):
    arrays = tuple(pa.chunked_array([texts], pa.string()) for texts in columns.values())
    return RawTable(tuple(columns), arrays, "t.csv", Reading())


def test_columns_are_let_go_once_they_are_typed():
    table = raw(a=["1", "2", "2"], b=["x", "y", "x"], when=["2020-01-01", "2020-01-03", "soon"])
    emptied, columns = table.emptied()
    typed = infer_columns(emptied, columns, [], {}, ReadOptions())
    assert [column.kind for column in typed.columns] == ["numeric", "categorical", "categorical"]
    assert [len(column) for column in columns] == [0, 0, 0]
    assert emptied.n_rows == 3


def test_a_column_in_doubt_is_kept_until_the_others_tell_how_it_is_read():
    table = raw(a=["1,234", "5,678", "9,125"], b=["0,5", "1,25", "2,75"])
    typed = infer_columns(*table.emptied(), [], {}, ReadOptions())
    assert typed.data["c0"].to_pylist() == [1.234, 5.678, 9.125]
    assert typed.data["c1"].to_pylist() == [0.5, 1.25, 2.75]


def test_a_long_column_is_let_go():
    columns = [pa.chunked_array([pa.nulls(200_000)]), pa.chunked_array([["a"]])]
    let_go(columns, 0)
    assert [len(column) for column in columns] == [0, 1]
