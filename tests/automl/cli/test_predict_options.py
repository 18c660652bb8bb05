import argparse

import pyarrow as pa
import pytest

from automl.cli.predict_options import check_apart, column_names, python_values
from automl.errors import DataError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id", ["id"]),
        ("id,date", ["id", "date"]),
        ("id, the date,", ["id", "the date"]),
        ('"a,b",id', ["a,b", "id"]),
    ],
)
def test_names_stand_between_commas(text, names):
    assert column_names(text) == names


@pytest.mark.parametrize("text", ["", ","])
def test_no_name_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as id,date"):
        column_names(text)


def test_a_kept_column_must_not_have_the_name_of_a_prediction():
    check_apart(["id"], ["prediction"])
    with pytest.raises(DataError, match=r"--keep prediction: .* Rename"):
        check_apart(["id", "prediction"], ["prediction"])


def test_moments_are_text_and_other_values_stay():
    table = pa.table(
        {
            "n": pa.array([1, None]),
            "x": pa.array([0.1, 2.0]),
            "t": pa.array([0, 1_500_000_001], pa.timestamp("ns")),
            "c": pa.array(["u", "v"]).dictionary_encode(),
        }
    )
    assert python_values(table) == [
        [1, None],
        [0.1, 2.0],
        ["1970-01-01 00:00:00", "1970-01-01 00:00:01.500000001"],
        ["u", "v"],
    ]
