"""Names of columns are compared without spaces around them, and in one form of Unicode."""

import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.align import load_features
from automl.data.options import ReadOptions
from automl.errors import DataError

ROWS = "".join(f"{i / 7:.3f}, {'ab'[i % 2]}, {'no' if i % 3 else 'yes'}\n" for i in range(40))


@pytest.fixture
def spaced(tmp_path):
    path = tmp_path / "spaced.csv"
    path.write_text("x, group, y\n" + ROWS)
    return path


def test_names_with_spaces_after_the_comma_are_found(spaced):
    options = ReadOptions(kinds={"group": "text"})
    found = load_dataset(spaced, target="y", options=options)
    assert [(c.name, str(c.kind)) for c in found.table.columns] == [
        ("x", "numeric"),
        (" group", "text"),
    ]
    assert found.target.classes == ("no", "yes")
    dropped = load_dataset(spaced, target="y", options=ReadOptions(drop=("group",)))
    assert [c.name for c in dropped.table.columns] == ["x"]


def test_new_rows_have_the_names_with_spaces_or_without(spaced):
    table = load_dataset(spaced, target="y").table
    plain = pd.DataFrame({"group": ["b"], "x": [1.5]})
    again = load_features(plain, table.columns)
    assert [column[0].as_py() for column in again.data.columns] == [1.5, "b"]
    other = load_dataset(pd.DataFrame({"x": [1.0, 2.0], "group": ["a", "b"], "y": [0, 1]}))
    assert load_features(spaced, other.table.columns).n_rows == 40


def test_names_that_differ_by_spaces_alone_stay_two_columns():
    frame = pd.DataFrame([[1.5, 7.5, 0], [2.5, 8.5, 1], [3.5, 7.0, 1]], columns=["a", " a", "y"])
    table = load_dataset(frame, target="y").table
    again = load_features(frame, table.columns)
    assert again.data.to_pydict() == table.data.to_pydict()
    assert table.data.column(1).to_pylist() == [7.5, 8.5, 7.0]


def test_of_equal_names_the_last_is_the_target_and_that_is_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("y,x,y\n" + "".join(f"{i % 2},{i / 7:.3f},{i % 3}\n" for i in range(60)))
    target = load_dataset(path, target="y").target
    assert target.classes == (0, 1, 2)
    assert "given, the last of 2 columns of that name" in target.reason
    assert "columns of that name" not in load_dataset(path, target="x").target.reason


def test_the_separator_is_named_only_where_it_may_have_been_missed(tmp_path):
    for text, is_said in (("a^b\n1^2\n3^4\n", True), ("only\n1\n2\n", False)):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(DataError, match="only one column") as error:
            load_dataset(tmp_path / "a.csv")
        assert ("data.delimiter" in str(error.value)) is is_said
