import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from automl.data.read.x_and_y import is_values, join_target
from automl.errors import DataError

X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["u", "v", "w"]}, index=[7, 8, 9])
VALUES = [0, 1, 0]


@pytest.mark.parametrize("target", ["y", ("a", "b"), 3, None])
def test_a_name_is_not_taken_for_values(target):
    assert not is_values(target)


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (VALUES, "target"),
        (np.array(VALUES), "target"),
        (np.array(VALUES)[:, np.newaxis], "target"),
        (pd.Series(VALUES, index=X.index), "target"),
        (pd.Series(VALUES, name="sold"), "sold"),
        (pd.Series(VALUES, name=5), "5"),
        (pd.DataFrame({"sold": VALUES}), "sold"),
        (pl.Series("sold", VALUES), "sold"),
        (pl.DataFrame({"sold": VALUES}), "sold"),
        (pa.array(VALUES), "target"),
        (pa.chunked_array([VALUES]), "target"),
        (pd.Categorical(VALUES), "target"),
    ],
)
def test_values_of_any_kind_stand_beside_the_rows_in_their_order(y, name):
    assert is_values(y)
    for data in (X, pl.from_pandas(X), pa.table(X), X.to_dict("list"), X.to_numpy()):
        joined, called = join_target(data, y)
        assert called == name
        columns = joined if isinstance(joined, pd.DataFrame) else joined.to_pandas()
        assert list(columns)[-1] == name
        assert columns.shape == (3, 3) or (isinstance(data, pa.Table) and columns.shape[0] == 3)
        assert list(columns[name].astype(int)) == VALUES
    assert list(X) == ["a", "b"]


def test_columns_of_an_array_are_named_by_their_number():
    joined, _ = join_target(np.zeros((3, 2)), VALUES)
    assert list(joined) == ["0", "1", "target"]


def test_labels_and_types_of_pandas_stay_as_they_are():
    bands = pd.Series(pd.cut([1, 5, 9], 3), name="band")
    joined, name = join_target(X, bands)
    assert joined[name].dtype == bands.dtype


def test_several_levels_of_names_become_texts():
    wide = pd.DataFrame([[1, 2]] * 3, columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
    joined, _ = join_target(wide, VALUES)
    assert list(joined) == ["('a', 1)", "('b', 2)", "target"]


def test_a_target_that_the_features_hold_too_is_no_feature():
    joined, name = join_target(X, X["a"])
    assert (list(joined), name) == (["a", "b"], "a")
    joined, name = join_target(pa.table(X.reset_index(drop=True)), pl.Series("a", [1.0, 2.0, 3.0]))
    assert (joined.column_names, name) == (["a", "b"], "a")


def test_a_target_that_was_computed_from_a_column_does_not_keep_its_name():
    joined, name = join_target(X, X["a"] > 1.5)
    assert (list(joined), name) == (["a", "b", "target"], "target")
    assert join_target(X.assign(target=1), VALUES)[1] == "y"


@pytest.mark.parametrize(
    ("data", "y", "says"),
    [
        (X, [0, 1], "X has 3 rows and y 2 values"),
        (X, np.zeros((3, 2)), "y has 2 columns"),
        (X, np.zeros((3, 1, 1)), "3 dimensions"),
        (X.assign(target=1, y=2), VALUES, "X has columns 'target', 'y', with other values than y"),
        (X, pd.Series(VALUES, index=[9, 8, 7]), r"y.loc\[X.index\]"),
        ("train.csv", VALUES, "name a column of the file"),
        (3, VALUES, "features .X. of type int"),
    ],
)
def test_what_does_not_fit_is_refused(data, y, says):
    with pytest.raises(DataError, match=says):
        join_target(data, y)
