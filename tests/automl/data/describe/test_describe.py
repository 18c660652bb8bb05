from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data import ReadOptions, describe_table
from automl.data.describe.describe import look_at
from automl.errors import DataError
from automl.plugin.task import ColumnKind


def frame():
    return pd.DataFrame(
        {
            "x": [1.5, None, 2.5, 3.5] * 5,
            "c": ["u", "v"] * 10,
            "same": 3,
            "y": ["p", "q", None, "q"] * 5,
        }
    )


def test_columns_are_described_with_kind_share_values_and_reason():
    found = describe_table(frame())
    assert found.n_rows == 20
    x, c, same = found.columns
    assert (x.kind, x.missing_share, x.n_distinct, x.examples) == (
        *("numeric", 0.25, 3),
        ("1.5", "2.5", "3.5"),
    )
    assert (c.kind, c.n_distinct, c.examples) == ("categorical", 2, ("u", "v"))
    assert same.left_out.startswith("constant")


def test_the_target_is_described_with_its_classes():
    found = describe_table(frame())
    assert (found.target.name, found.target.task, found.problem) == ("y", "binary", "")
    assert found.class_counts == {"p": 5, "q": 10}
    assert found.n_without_target == 5


def test_a_guess_that_fails_is_told_and_the_columns_still_shown():
    data = pd.DataFrame({"x": np.arange(10) / 7, "z": 1})
    found = describe_table(data)
    assert found.target is None
    assert "same value 1" in found.problem
    assert [c.name for c in found.columns] == ["x", "z"]
    with pytest.raises(DataError, match="same value 1"):
        describe_table(data, target="z")


def test_a_single_column_is_described():
    found = describe_table(pd.DataFrame({"only": [1, 2, 3]}))
    assert found.columns[0].name == "only"
    assert "only one column" in found.problem


def test_how_a_file_was_read_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("a;y\nü;1\nb;2\n".encode("latin-1"))
    notes = describe_table(path).notes
    assert any("cp1252" in note for note in notes)
    assert any("';'" in note for note in notes)


def test_set_kinds_are_shown():
    found = describe_table(frame(), ReadOptions(kinds={"x": "categorical"}))
    assert found.columns[0].reason == "set by data.kinds"


def test_columns_that_steer_are_told_as_a_search_takes_them():
    random = np.random.default_rng(0)
    shop = random.integers(100, 160, 1200)
    worth = random.normal(size=200)
    data = pd.DataFrame({"shop": shop, "x": random.normal(size=1200), "y": worth[shop - 100]})
    assert describe_table(data, target="y").columns[0].kind == "categorical"
    found = describe_table(data.assign(w=1.0, f=shop % 3), target="y", group="shop", weight="w")
    assert found.columns[0].left_out == "not a feature: it gives the groups"
    assert found.columns[2].left_out == "not a feature: it gives the weights"
    by_time = describe_table(data, target="y", time_column="shop").columns[0]
    assert (by_time.kind, by_time.left_out) == ("numeric", "")


def test_a_value_of_one_group_alone_names_nothing():
    random = np.random.default_rng(0)
    shop = random.integers(100, 160, 1200)
    worth = random.normal(size=200)
    data = pd.DataFrame({"shop": shop, "g": shop // 2, "y": worth[shop - 100]})
    assert describe_table(data, target="y").columns[0].kind == "categorical"
    assert describe_table(data, target="y", group="g").columns[0].kind == "numeric"


def test_a_column_that_steers_and_is_not_there_is_an_error():
    with pytest.raises(DataError, match="for group"):
        describe_table(frame(), target="y", group="nobody")


RANDOM = np.random.default_rng(0)


def column(values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        ([None, 1163.74, 2.0, 1163.74, -3.5], ColumnKind.NUMERIC, ("1163.74", "2", "-3.5")),
        (
            [1e300, 1 / 3, 123456789012.0],
            ColumnKind.NUMERIC,
            ("1e+300", "0.333333", "123456789012"),
        ),
        ([1.0, None, 0.0], ColumnKind.BOOLEAN, ("true", "false")),
        (
            [datetime(2021, 3, 4), datetime(2021, 3, 4, 5, 6)],
            ColumnKind.DATETIME,
            ("2021-03-04", "2021-03-04 05:06:00"),
        ),
        (["red", "x" * 90], ColumnKind.CATEGORICAL, ("red", "x" * 37 + "...")),
        ([None] * 5000 + ["late"], ColumnKind.TEXT, ("late",)),
        ([None], ColumnKind.NUMERIC, ()),
    ],
)
def test_the_first_different_values_are_shown_as_they_were_read(values, kind, first):
    kinds = {
        ColumnKind.NUMERIC: pa.float64(),
        ColumnKind.BOOLEAN: pa.float64(),
        ColumnKind.DATETIME: pa.timestamp("us"),
    }
    found = column(values, kinds.get(kind, pa.string()))
    if kind is ColumnKind.CATEGORICAL:
        found = found.dictionary_encode()
    assert look_at(found, kind).first == first


def test_values_far_from_the_others_are_counted_and_the_farthest_shown():
    values = [*RANDOM.normal(size=1000), 1e6, -50.0, None, 1e6]
    found = look_at(column(values), ColumnKind.NUMERIC)
    assert (found.n_outliers, found.outliers) == (3, ("1000000", "-50"))


def test_dates_lie_far_from_others_too():
    days = [datetime(2021, 1, 1) + timedelta(days=i) for i in range(100)]
    found = look_at(
        column([*days, datetime(9999, 12, 31)], pa.timestamp("us")), ColumnKind.DATETIME
    )
    assert (found.n_outliers, found.outliers) == (1, ("9999-12-31",))


@pytest.mark.parametrize(
    "values",
    [
        np.exp(3 * RANDOM.normal(size=1000)),  # a long tail
        [0.0] * 990 + [5.0] * 10,  # most are the same
        [1.0, 2.0, 3.0, 1e9],  # few
    ],
)
def test_long_tails_and_rare_values_are_no_outliers(values):
    assert look_at(column(list(values)), ColumnKind.NUMERIC).n_outliers == 0
