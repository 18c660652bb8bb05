from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.align import load_features
from automl.data.options import ReadOptions
from automl.data.read.formats import read_source

DAYS = [date(2020, 1, 1) + timedelta(days=i * 3) for i in range(60)]
SERIALS = [(day - date(1899, 12, 30)).days for day in DAYS]


def columns(**values):
    frame = pd.DataFrame({**values, "y": [i % 2 for i in range(len(next(iter(values.values()))))]})
    table = load_dataset(frame, target="y").table
    return table, {c.name: c for c in table.columns}


def moments(table, column):
    return table.data[column.key].to_pylist()


@pytest.mark.parametrize("name", ["date", "OrderDate", "ship_date", " Date ", "created_at", "day"])
@pytest.mark.parametrize("cast", [int, float, str])
def test_the_name_says_that_numbers_are_days_of_excel(name, cast):
    table, found = columns(**{name: [cast(n) for n in SERIALS]})
    assert found[name].kind == "datetime"
    assert "days as Excel counts them: 2020-01-01 to 2020-06-26" in found[name].reason
    assert [m.date() for m in moments(table, found[name])] == DAYS


def test_parts_of_days_are_times():
    table, found = columns(date=[n + 0.75 for n in SERIALS])
    assert moments(table, found["date"])[0] == datetime(2020, 1, 1, 18)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("date", [20200101 + i for i in range(28)]),  # written out
        ("date", [1.6e9 + i * 1e5 for i in range(60)]),  # seconds
        ("update", SERIALS[:3] * 20 + [5]),
        ("price", SERIALS),
        ("mandate_id", SERIALS),
    ],
)
def test_other_numbers_stay_numbers(name, values):
    assert columns(**{name: values})[1][name].kind == "numeric"


def test_where_only_the_range_says_so_it_is_said_and_can_be_set():
    _, found = columns(x=SERIALS)
    assert found["x"].kind == "numeric"
    assert "could be days as Excel counts them (2020-01-01 to 2020-06-26)" in found["x"].doubt
    frame = pd.DataFrame({"x": SERIALS, "y": [i % 2 for i in range(60)]})
    table = load_dataset(frame, target="y", options=ReadOptions(kinds={"x": "datetime"})).table
    assert moments(table, table.columns[0])[-1].date() == DAYS[-1]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x", [n + 0.5 for n in SERIALS]),
        ("x", [int(n) for n in np.round(SERIALS, -1)]),  # prices
        ("x", [n * 1.5 for n in SERIALS]),
        ("zip", SERIALS),
        ("x", SERIALS[:9] * 7),
    ],
)
def test_numbers_that_are_rather_something_else_leave_no_doubt(name, values):
    assert columns(**{name: values})[1][name].doubt == ""


def test_new_rows_are_read_as_days_too(tmp_path):
    table, _ = columns(date=SERIALS)
    (tmp_path / "new.csv").write_text("date\n44197\n44198.5\nn.a.\n2021-01-03\n")
    again = load_features(tmp_path / "new.csv", table.columns)
    assert again.data.column(0).to_pylist() == [
        *(datetime(2021, 1, 1), datetime(2021, 1, 2, 12), None, datetime(2021, 1, 3)),
    ]
    assert read_source(tmp_path / "new.csv", ReadOptions()).n_rows == 4


@pytest.mark.parametrize("ticks", [10**6, 10**9])
@pytest.mark.parametrize("name", ["timestamp", "event_time", "ts", "created_at", "start_ns"])
def test_long_numbers_in_a_column_of_times_are_micro_or_nanoseconds(tmp_path, name, ticks):
    path = tmp_path / "a.csv"
    rows = "".join(f"{(1_614_556_800 + i * 60) * ticks},{i % 2}\n" for i in range(30))
    path.write_text(f"{name},y\n{rows}")
    table = load_dataset(path, target="y").table
    assert table.columns[0].kind == "datetime"
    start = datetime(2021, 3, 1)
    assert moments(table, table.columns[0])[:2] == [start, start + timedelta(minutes=1)]
    path.write_text(f"{name}\n{(1_614_556_800 + 5) * ticks}\n")
    new = load_features(path, table.columns)
    assert moments(new, table.columns[0]) == [start + timedelta(seconds=5)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("card", 1_614_556_800_000_000), ("tweet", 1_614_556_800_000_000_000), ("ts", 4 * 10**15)],
)
def test_other_long_numbers_stay_codes(tmp_path, name, value):
    path = tmp_path / "a.csv"
    rows = "".join(f"{value + i % 7},{i % 2}\n" for i in range(30))
    path.write_text(f"{name},y\n{rows}")
    assert load_dataset(path, target="y").table.columns[0].kind == "categorical"
