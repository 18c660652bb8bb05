"""Columns of plain numbers are read at once, and as they are read text by text."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.data.columns.kinds import infer_kind
from automl.data.columns.plain_numbers import n_different, plain_column
from automl.data.numbers import NumberForm
from automl.data.options import USUAL_READING, Reading
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
