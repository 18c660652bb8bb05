import pyarrow as pa
import pytest

from automl.data.numbers import NumberForm, read_numbers


def read(*texts, decimal=".", thousands="", unit=""):
    values, is_number = read_numbers(pa.array(texts), NumberForm(decimal, thousands, unit))
    return values.to_pylist(), is_number.to_pylist()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.50", 12.5),
        (" 7 ", 7.0),
        ("+3", 3.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.5e3", 1500.0),
        ("-1E-2", -0.01),
        ("(12.50)", -12.5),
        ("\u22123.5", -3.5),
        ("\u20132", -2.0),
        ("12.5-", -12.5),
        ("- 5", -5.0),
    ],
)
def test_a_plain_number_may_have_a_sign_in_any_of_the_usual_places(text, value):
    assert read(text, "x") == ([value, None], [True, False])


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ({"thousands": ","}, "1,234,567.5", 1234567.5),
        ({"thousands": ","}, "12,34,567", 1234567.0),  # as in India
        ({"thousands": " "}, "1 234.5", 1234.5),
        ({"thousands": " "}, "1\u202f234", 1234.0),
        ({"thousands": "'"}, "1'234", 1234.0),
        ({"thousands": "'"}, "1\u2019234", 1234.0),
        ({"decimal": ","}, "-0,512", -0.512),
        ({"decimal": ",", "thousands": "."}, "1.234.567,5", 1234567.5),
        ({"decimal": ",", "thousands": " "}, "1 234,5", 1234.5),
        ({"unit": "$"}, "$12.50", 12.5),
        ({"unit": "$"}, "-$12.50", -12.5),
        ({"unit": "$"}, "$-12.50", -12.5),
        ({"unit": "$"}, "($12.50)", -12.5),
        ({"unit": "us$"}, "US$ 5", 5.0),
        ({"unit": "\u20ac"}, "5.20 \u20ac", 5.2),
        ({"unit": "chf"}, "CHF 5", 5.0),
        ({"unit": "%"}, "45.2%", 45.2),
        ({"unit": "kg"}, "12.5 kg", 12.5),
        ({"unit": "kg"}, "12.5kg", 12.5),
        ({"unit": "kg"}, "12.5", 12.5),
        ({"unit": "bedroom"}, "3 bedrooms", 3.0),
        ({"unit": "km/h"}, "80 km/h", 80.0),
        ({"unit": "\u00b0c"}, "21.5\u00b0C", 21.5),
    ],
)
def test_marks_of_the_form_are_taken_out(form, text, value):
    assert read(text, "x", **form) == ([value, None], [True, False])


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({}, "1,234"),
        ({}, "$5"),
        ({"thousands": ","}, "1,23"),
        ({"thousands": ","}, "0,512"),
        ({"decimal": ",", "thousands": "."}, "1.234.5"),
        ({"decimal": ","}, "1.5"),
        ({"unit": "kg"}, "300 g"),
        ({"unit": "%"}, "0.5"),
        ({"unit": "a"}, "12a"),
        ({}, "1.2.3"),
        ({}, "(5"),
        ({}, "--5"),
        ({}, "20:11"),
        ({}, "<0.1"),
        ({}, "5*"),
        ({}, ""),
    ],
)
def test_what_is_written_otherwise_is_no_number(form, text):
    assert read(text, "x", **form) == ([None, None], [False, False])


def test_infinite_numbers_are_numbers_without_a_value():
    assert read("inf", "-Infinity", "nan", "1") == ([None, None, None, 1.0], [True] * 4)
    assert read("inf", "x") == ([None, None], [True, False])
