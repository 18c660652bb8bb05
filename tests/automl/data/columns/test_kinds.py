import uuid

import numpy as np
import pandas as pd
import pytest

from automl.data import ReadOptions, describe_table, load_dataset
from automl.errors import DataError

N = 40


def column(values, options=None):
    """The described column of these values, beside a number and a target."""
    data = pd.DataFrame({"x": values})
    data["other"] = np.random.default_rng(1).normal(size=len(data))
    data["y"] = [0, 1] * (len(data) // 2)
    return describe_table(data, options).columns[0]


def cells(*values):
    return list(values) * (N // len(values))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (cells(1, 2), "numeric"),
        (cells("1", "2.5"), "numeric"),
        (cells(" 1", "-2e3 "), "numeric"),
        (cells("1", "?", "3", "4"), "numeric"),
        (cells(True, False), "boolean"),
        (cells("true", "false"), "boolean"),
        (cells("Yes", "No"), "boolean"),
        (cells("male", "female"), "categorical"),
        (cells("01234", "99999"), "categorical"),
        (cells("1234567890123456789", "3"), "categorical"),
        (cells("1", "2", "3", "1x"), "categorical"),
        (cells("1.2.3", "1.2.4"), "categorical"),
        (cells("2013-01-01", "2013-02-01"), "datetime"),
        (cells("2013-01-01 05:00:00", "2013-02-01 06:00"), "datetime"),
        (cells("2013-01-01T05:00:00Z", "2013-02-01T06:00:00+02:00"), "datetime"),
        (cells("2013/01/31", "2013/02/01"), "datetime"),
        (cells("31.12.2013", "01.02.2014"), "datetime"),
        (cells("12/31/2013", "01/02/2014"), "datetime"),
        (cells("31 Jan 2013", "February 2, 2014"), "datetime"),
        ([f"row {i} is told in several words" for i in range(N)], "text"),
        ([f"这是一个很长的句子用来测试{i}" for i in range(N)], "text"),
        ([f"https://example.org/page{i}?q=tea" for i in range(N)], "text"),
        (cells("https://example.org/a", "https://example.org/b"), "categorical"),
        ([f"AB-{i // 2}/{i // 2}-C" for i in range(N)], "categorical"),
        (list(pd.date_range("2020-01-01", periods=N)), "datetime"),
        (list(pd.to_timedelta(range(N), unit="s") * 1.5), "numeric"),
        (pd.Categorical(cells(1, 2)), "categorical"),
    ],
)
def test_the_kind_follows_from_the_values(values, kind):
    found = column(values)
    assert found.kind == kind
    assert found.reason
    assert not found.left_out


def test_reasons_name_the_values_that_decide():
    assert "'01234'" in column(cells("01234", "99999")).reason
    assert "'1x'" in column(cells("1", "2", "3", "1x")).reason
    assert "'-' counts as missing" in column(cells("1", "2", "3", "-")).reason
    assert "written as '$1.50' for 1.5" in column(cells("$1.50", "$2")).reason


def test_a_leading_zero_late_in_a_large_column_is_seen():
    assert column([*(str(i) for i in range(99_999)), "007"]).kind == "categorical"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([None] * N, "empty"),
        ([float("nan")] * N, "empty"),
        ([float("inf")] * N, "empty"),
        ([7] * N, "constant"),
        (["a"] * N, "constant"),
        ([str(uuid.UUID(int=i)) for i in range(N)], "id-like"),
        ([f"u{i}" for i in range(N)], "id-like"),
        (list(range(5000)), "id-like"),
    ],
)
def test_columns_of_no_use_are_left_out_with_the_reason(values, why):
    assert column(values).left_out.startswith(why)


def test_unique_measurements_and_small_counters_are_no_ids():
    assert not column(np.random.default_rng(0).normal(size=N)).left_out
    assert not column(np.arange(N)).left_out
    assert not column(np.arange(N * 10) * 37).left_out
    assert not column([1.0] * (N - 1) + [None]).left_out


@pytest.mark.parametrize("name", ["id", "user_id", "PassengerId", "Unnamed: 0", "", "row_key"])
def test_names_can_say_that_numbers_are_ids(name):
    data = pd.DataFrame({name: np.arange(N) * 37, "x": np.arange(N) % 7, "y": cells(0, 1)})
    assert load_dataset(data, target="y").table.columns[0].left_out.startswith("id-like")
    data = data.rename(columns={name: "humidity"})
    assert not load_dataset(data, target="y").table.columns[0].left_out


def test_an_id_is_used_where_there_is_nothing_else():
    table = load_dataset(pd.DataFrame({"id": range(100), "y": [0, 1] * 50})).table
    assert [c.name for c in table.used] == ["id"]
    assert "no other usable columns" in table.columns[0].reason


def test_a_repeated_column_names_its_twin():
    data = pd.DataFrame({"a": cells(1, 5, 9, 2), "b": cells("1", "5", "9", "2"), "y": cells(0, 1)})
    columns = load_dataset(data).table.columns
    assert columns[0].left_out == ""
    assert columns[1].left_out == "duplicated: the same as column 'a' in every row"


def test_a_kind_can_be_set_for_any_column():
    kinds = {"x": "categorical"}
    found = column(cells(1.0, 2.0), ReadOptions(kinds=kinds))
    assert (found.kind, found.reason) == ("categorical", "set by data.kinds")
    assert not column(list(range(5000)), ReadOptions(kinds={"x": "numeric"})).left_out
    assert not column([7] * N, ReadOptions(kinds=kinds)).left_out
    assert column([None] * N, ReadOptions(kinds=kinds)).left_out.startswith("empty")


def test_a_set_kind_reads_what_fits_and_empties_the_rest():
    data = pd.DataFrame({"x": cells("1", "2", "3", "1x"), "y": cells(0, 1)})
    table = load_dataset(data, options=ReadOptions(kinds={"x": "numeric"})).table
    assert table.data["c0"].to_pylist()[:4] == [1.0, 2.0, 3.0, None]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"x": "catgorical"}, "did you mean 'categorical'"),
        ({"X": "numeric"}, "did you mean 'x'"),
        ({"y": "numeric"}, "is the target"),
        ({"x": "numeric"}, r"none of its values fits \(for example 'u'\)"),
        ({"x": "datetime"}, "none of its values fits"),
    ],
)
def test_a_wrong_kind_is_refused_with_the_nearest(kinds, said):
    data = pd.DataFrame({"x": cells("u", "v"), "y": cells(0, 1)})
    with pytest.raises(DataError, match=said):
        load_dataset(data, options=ReadOptions(kinds=kinds))


def test_numbers_set_to_dates_are_days_years_or_seconds():
    data = pd.DataFrame({"d": [20130131, 1999, 86400], "x": [1, 5, 3], "y": [0, 1, 0]})
    table = load_dataset(data, options=ReadOptions(kinds={"d": "datetime"})).table
    days = [str(d.as_py())[:10] for d in table.data["c0"]]
    assert days == ["2013-01-31", "1999-01-01", "1970-01-02"]


def table_of(options=None, **columns):
    frame = pd.DataFrame({**columns, "y": np.arange(len(next(iter(columns.values())))) % 2})
    found = load_dataset(frame, target="y", options=options).table
    return {c.name: c for c in found.columns}, found.data


def test_a_column_in_doubt_is_read_as_the_others_of_its_table():
    either = [f"{i},{j}{j}{j}" for i, j in zip(range(1, 41), [1, 2] * 20, strict=True)]
    sure = [f"{i},{i % 10}" for i in range(1, 41)]
    alone, data = table_of(x=either)
    assert data.column(0)[0].as_py() == 1111.0
    assert (
        alone["x"].doubt
        == "'1,111' is read with a decimal point; data.decimal=comma makes it 1.111"
    )
    beside, data = table_of(x=either, z=sure)
    assert data.column(0)[0].as_py() == 1.111
    assert beside["x"].doubt
    chosen, data = table_of(ReadOptions(decimal=","), x=either)
    assert data.column(0)[0].as_py() == 1.111
    assert not chosen["x"].doubt


def test_cells_that_are_no_numbers_are_counted_also_where_the_kind_is_set():
    cells_of = [f"{i}.5" for i in range(38)] + ["<0.1", "5*"]
    columns, data = table_of(x=cells_of)
    assert (columns["x"].kind, columns["x"].n_misfits) == ("numeric", 2)
    assert data.column(0).null_count == 2
    mostly = ["a", "b"] * 15 + [f"{i}" for i in range(10)]
    columns, data = table_of(ReadOptions(kinds={"x": "numeric"}), x=mostly)
    assert (columns["x"].n_misfits, columns["x"].misfits) == (30, ("a", "b"))


@pytest.mark.parametrize("mark", ["NA", "n.a.", "?", "#REF!", " NA "])
def test_marks_of_a_missing_value_are_no_categories(mark, tmp_path):
    values = ["red", "blue", mark, "red"] * 10
    columns, data = table_of(x=values)
    assert (columns["x"].n_distinct, columns["x"].missing_share) == (2, 0.25)
    pd.DataFrame({"x": values, "y": [0, 1] * 20}).to_csv(tmp_path / "a.csv", index=False)
    found = load_dataset(tmp_path / "a.csv", target="y").table
    assert found.data.column(0).to_pylist() == data.column(0).to_pylist()
    kept, _ = table_of(ReadOptions(keep=(mark.strip(),)), x=values)
    assert kept["x"].missing_share == 0.0
