"""Columns of plain numbers are read at once, and as they are read text by text."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.data.columns.kinds import infer_kind
from automl.data.columns.plain_numbers import n_different, plain_column, plain_columns
from automl.data.load import load_dataset
from automl.data.numbers import NumberForm
from automl.data.options import USUAL_READING, Reading, ReadOptions
from automl.plugin import ColumnKind


def read(*texts, reading=USUAL_READING):
    values = plain_column(pa.chunked_array([list(texts)], pa.string()), reading)
    return None if values is None else values.to_pylist()


def test_plain_numbers_are_read_and_missing_ones_stay_missing():
    assert read("1", None, "-2.5", "1e3", "0", "0.5", "-0.25", "10") == [
        *(1.0, None, -2.5, 1000.0, 0.0, 0.5, -0.25, 10.0),
    ]


def test_what_is_not_finite_is_missing():
    assert read("1", "inf", "nan") == [1.0, None, None]


@pytest.mark.parametrize(
    "text",
    ["007", "00", "-01", "+05", "01.5", "1234567890123456", "-1234567890123456", "1,5", "$1", "x"],
)
def test_codes_and_other_spellings_are_left_to_a_closer_look(text):
    assert read("1", "2", text) is None
    assert read(text, "2") is None
    assert read(*["1"] * 60, text) is None  # of many rows all are looked at at once
    assert read(text, *["2"] * 60) is None


def test_a_code_is_found_in_a_slice_of_many_rows():
    column = pa.chunked_array([["01", *["1"] * 100, "09"]], pa.string())
    assert plain_column(column, USUAL_READING) is None
    assert plain_column(column.slice(1), USUAL_READING) is None
    assert plain_column(column.slice(1, 100), USUAL_READING).to_pylist() == [1.0] * 100


def test_a_code_is_found_in_a_later_part_and_behind_the_start_of_a_slice():
    column = pa.chunked_array([["01", "1"], ["2", "3"], ["4", "09"]], pa.string())
    assert plain_column(column, USUAL_READING) is None
    assert plain_column(column.slice(1, 4), USUAL_READING).to_pylist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("text", ["+0", "-0", "0", "+0.5", "-0.5", "0e5", "+7", "-70"])
def test_a_zero_alone_before_a_point_or_within_a_number_is_no_code(text):
    assert read("", "1", text) is None  # an empty text is no number
    assert read(None, "1", text) == [None, 1.0, float(text)]
    assert read(*["1"] * 60, text) == [*[1.0] * 60, float(text)]


def test_many_decimals_are_no_code():
    assert read("0.12345678901234567", "123.4567890123456789") is not None


@pytest.mark.parametrize("reading", [Reading(usual=","), Reading(decimal=",")])
def test_where_commas_are_decimal_points_are_looked_at_closer(reading):
    assert read("1.234", "5", reading=reading) is None


def test_a_column_without_a_value_is_left_to_a_closer_look():
    assert read("nan", None) is None


@given(
    st.lists(st.sampled_from(["1", "-2.5", "1e5", "inf", "nan", "00.5", "007", None, "0", "-0"]))
)
def test_a_column_read_at_once_is_bit_for_bit_that_of_its_different_texts(texts):
    column = pa.chunked_array([texts[:3], texts[3:]], pa.string())
    plain = plain_column(column, USUAL_READING)
    if plain is not None:
        by_text = [None if t is None else float(t) for t in texts]
        expected = pa.array([t if t is not None and np.isfinite(t) else None for t in by_text])
        assert plain.equals(expected.cast(pa.float64()))
        guess = infer_kind(column)
        assert (guess.kind, guess.form) == (ColumnKind.NUMERIC, NumberForm())
        assert guess.values.equals(plain)


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), min_size=1))
def test_different_numbers_are_counted_as_arrow_counts_them(numbers):
    values = pa.array(numbers, pa.float64())
    assert n_different(values) == pc.count_distinct(values).as_py()


def test_different_categories_and_texts_are_counted():
    assert n_different(pa.array(["a", "b", "a", None]).dictionary_encode()) == 2
    assert n_different(pa.array(["a", "b", "c", None])) == 3


@pytest.mark.parametrize("n_rows", [1, 4, 300])
def test_many_short_columns_are_read_at_once_like_one_by_one(n_rows):
    rng = np.random.default_rng(0)
    odd = [["007"] * n_rows, ["x"] * n_rows, [None] * n_rows, ["inf"] * n_rows, ["NaN"] * n_rows]
    cells = [[str(v) for v in rng.normal(size=n_rows)] for _ in range(900)]
    for at, column in zip((3, 300, 600, 890, 895), odd, strict=True):
        cells[at] = column
    columns = [pa.chunked_array([pa.array(column, pa.string())]) for column in cells]
    found = plain_columns(columns, USUAL_READING)
    assert len(found) > 300
    for at, values in found.items():
        assert values.equals(plain_column(columns[at], USUAL_READING))
    assert not plain_columns(columns, Reading(decimal=","))
    assert not plain_columns(columns[:20], USUAL_READING)


def test_a_wide_short_table_is_typed_like_its_columns_alone(tmp_path):
    rng = np.random.default_rng(0)
    names = [*(f"x{i}" for i in range(600)), "date", "code", "wanted", "y"]
    rows = [
        [
            *(f"{v:.3f}" for v in rng.normal(size=600)),
            f"{44197 + i * i}",
            f"{i % 5:03}",
            f"{i % 3}.0",
            "01"[i % 2],
        ]
        for i in range(12)
    ]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(",".join(row) for row in (names, *rows)) + "\n")
    options = ReadOptions(kinds={"wanted": "categorical"})
    wide = load_dataset(path, target="y", options=options).table
    for name in ("x0", "x599", "date", "code", "wanted"):
        at = names.index(name)
        path.write_text("\n".join(f"{row[at]},{row[-1]}" for row in (names, *rows)) + "\n")
        options = ReadOptions(kinds={"wanted": "categorical"} if name == "wanted" else {})
        (alone,) = load_dataset(path, target="y", options=options).table.columns
        assert replace(wide.columns[at], key="c0") == replace(alone, reason=wide.columns[at].reason)
