"""What flatters scores is said, and nothing is said of what is in order."""

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.leaks import suspicions

N_ROWS = 200
RANDOM = np.random.default_rng(0)
NUMBER = RANDOM.normal(size=N_ROWS)
CLASS = np.where(NUMBER + RANDOM.normal(size=N_ROWS) > 0, "yes", "no")


def told(target, exchangeable=True, **columns):
    frame = pd.DataFrame({"number": NUMBER, **columns, "target": target})
    return list(suspicions(load_dataset(frame, target="target"), exchangeable))


@pytest.mark.parametrize(
    ("target", "column"),
    [
        (CLASS, np.where(CLASS == "yes", "paid", "open")),
        (CLASS, (CLASS == "yes").astype(int)),
        (CLASS, np.where(CLASS == "yes", 1, -1) * RANDOM.uniform(1, 2, N_ROWS)),
        (NUMBER * 2 + 1, np.exp(NUMBER)),
        (NUMBER, -3.5 * NUMBER),
    ],
    ids=["renamed", "coded", "separated", "transformed", "turned"],
)
def test_a_column_that_is_the_target_in_disguise_is_named(target, column):
    frame = pd.DataFrame({"other": RANDOM.normal(size=N_ROWS), "leak": column, "target": target})
    (said,) = suspicions(load_dataset(frame, target="target"), True)
    assert said.startswith("column 'leak' gives the target away")
    assert "data.drop" in said


def test_columns_that_are_only_good_are_not_named():
    assert told(CLASS, group=RANDOM.choice(["a", "b"], N_ROWS)) == []
    assert told(NUMBER**2 + RANDOM.normal(scale=0.01, size=N_ROWS)) == []


def test_a_missing_value_leaves_a_doubt():
    column = np.where(CLASS == "yes", 1.0, 0.0)
    column[3] = np.nan
    assert told(CLASS, leak=column) == []


def test_a_few_rows_may_be_sorted_by_chance():
    frame = pd.DataFrame({"x": [1.0, 2.5, 3.0, 4.5] * 5, "target": ["a", "a", "b", "b"] * 5})
    assert list(suspicions(load_dataset(frame, target="target"), True)) == []


def copied():
    frame = pd.DataFrame({"number": NUMBER, "more": RANDOM.normal(size=N_ROWS), "target": CLASS})
    return load_dataset(pd.concat([frame, frame[:40]], ignore_index=True), target="target")


def test_copied_rows_are_counted_where_they_may_be_parted():
    (said,) = suspicions(copied(), True)
    assert said.startswith("40 rows are equal to an earlier one")
    assert "--group" in said
    assert list(suspicions(copied(), False)) == []


def test_rows_of_few_values_are_equal_by_nature():
    columns = {name: RANDOM.choice(["a", "b", "c"], N_ROWS) for name in "pqr"}
    frame = pd.DataFrame({**columns, "target": CLASS})
    assert list(suspicions(load_dataset(frame, target="target"), True)) == []
