"""What flatters scores is said, and nothing is said of what is in order."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.describe import leaks
from automl.data.describe.leaks import giveaways, leak_warnings

N_ROWS = 200
RANDOM = np.random.default_rng(0)
NUMBER = RANDOM.normal(size=N_ROWS)
CLASS = np.where(NUMBER + RANDOM.normal(size=N_ROWS) > 0, "yes", "no")


def told(target, exchangeable=True, **columns):
    frame = pd.DataFrame({"number": NUMBER, **columns, "target": target})
    return list(leak_warnings(load_dataset(frame, target="target"), exchangeable))


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
    (said,) = leak_warnings(load_dataset(frame, target="target"), True)
    assert said.startswith("column 'leak' predicts the target")
    assert "data.drop" in said


def test_columns_that_are_only_good_are_not_named():
    assert told(CLASS, group=RANDOM.choice(["a", "b"], N_ROWS)) == []
    assert told(NUMBER**2 + RANDOM.normal(scale=0.01, size=N_ROWS)) == []


RIGHT = np.arange(N_ROWS) != 3
OTHER = {"yes": "no", "no": "yes"}[CLASS[3]]


@pytest.mark.parametrize(
    ("target", "leak"),
    [
        (CLASS, np.where((CLASS == "yes") == RIGHT, "J", "N")),
        (CLASS, np.where((CLASS == "yes") == RIGHT, 1, -1) * RANDOM.uniform(1, 2, N_ROWS)),
        (CLASS, np.where(RIGHT, CLASS == "yes", np.nan)),
        (CLASS, [f"{c}{i % 3}" if i != 3 else OTHER + "0" for i, c in enumerate(CLASS)]),
        (CLASS, np.where((CLASS == "yes") == RIGHT, RANDOM.normal(size=N_ROWS), np.nan)),
        (NUMBER, np.where(RIGHT, 3 * NUMBER - 7, 100.0)),
        (np.round(NUMBER), np.where(RIGHT, [f"about {n:.0f}" for n in NUMBER], "about 9")),
    ],
    ids=["code", "number", "missing", "codes", "has a value", "line", "names of numbers"],
)
def test_a_column_that_is_right_in_nearly_all_rows_is_named_with_their_number(target, leak):
    frame = pd.DataFrame({"other": RANDOM.normal(size=N_ROWS), "leak": leak, "target": target})
    dataset = load_dataset(frame, target="target", task=None)
    (said,) = leak_warnings(dataset, True)
    assert said.startswith(f"column 'leak' predicts the target in {N_ROWS - 1} of {N_ROWS} rows")


def test_what_is_right_as_often_as_a_constant_is_not_named():
    rare = np.where(np.arange(N_ROWS) < 21, "yes", "no")
    mostly = np.where(np.arange(N_ROWS) < 19, "a", "b")
    assert told(rare, more=RANDOM.permutation(mostly)) == []
    one = np.where(np.arange(N_ROWS) == 3, "yes", "no")
    assert told(one, more=["a"] * 100 + ["b"] * 100) == []


def test_many_values_that_are_right_by_chance_are_not_named():
    target = np.where(RANDOM.uniform(size=N_ROWS) < 0.5, "yes", "no")
    values = [f"v{i // 2}" for i in RANDOM.permutation(N_ROWS)]
    assert told(target, shop=values) == []


class Noticed:
    """The values of a column, which notice whether more of them is read than a sample."""

    def __init__(self, values):
        self.values, self.was_read = values, False

    def take(self, rows):
        return self.values.take(rows)

    def __getattr__(self, name):
        self.was_read = True
        return getattr(self.values, name)


def test_of_a_large_table_a_sample_tells_which_columns_deserve_a_look_at_all_rows(monkeypatch):
    monkeypatch.setattr(leaks, "SAMPLE_ROWS", 60)
    leak = np.where((CLASS == "yes") == RIGHT, "J", "N")
    more = RANDOM.normal(size=N_ROWS)
    frame = pd.DataFrame({"number": NUMBER, "leak": leak, "more": more, "target": CLASS})
    dataset = load_dataset(frame, target="target")
    table, columns = dataset.table, dataset.table.used
    data = {column.key: Noticed(table.data[column.key]) for column in columns}
    found = list(giveaways(replace(table, data=data), dataset.target, dataset.y))
    assert ["in 199 of 200 rows" in said for said in found] == [True]
    assert [column.name for column in columns if data[column.key].was_read] == ["leak"]


def test_a_few_rows_may_be_sorted_by_chance():
    frame = pd.DataFrame({"x": [1.0, 2.5, 3.0, 4.5] * 5, "target": ["a", "a", "b", "b"] * 5})
    assert list(leak_warnings(load_dataset(frame, target="target"), True)) == []


def copied():
    frame = pd.DataFrame({"number": NUMBER, "more": RANDOM.normal(size=N_ROWS), "target": CLASS})
    return load_dataset(pd.concat([frame, frame[:40]], ignore_index=True), target="target")


def test_copied_rows_are_counted_where_they_may_be_parted():
    (said,) = leak_warnings(copied(), True)
    assert said.startswith("40 rows equal an earlier one")
    assert "group=COLUMN" in said
    assert list(leak_warnings(copied(), False)) == []


def test_rows_of_few_values_are_equal_by_nature():
    columns = {name: RANDOM.choice(["a", "b", "c"], N_ROWS) for name in "pqr"}
    frame = pd.DataFrame({**columns, "target": CLASS})
    assert list(leak_warnings(load_dataset(frame, target="target"), True)) == []
