import calendar

import pytest

from automl.data.columns.month_names import month_number


@pytest.mark.parametrize("number", range(1, 13))
def test_english_names_and_their_short_forms_are_known_in_any_case(number):
    for name in (calendar.month_name[number], calendar.month_abbr[number]):
        assert {month_number(name), month_number(name.upper())} == {number}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("J\u00e4nner", 1),  # in Austria
        ("M\u00e4rz", 3),
        ("MRZ", 3),
        ("f\u00e9vr", 2),
        ("ao\u00fbt", 8),
        ("dic", 12),
        ("mar\u00e7o", 3),
        ("pa\u017adziernika", 10),
        ("\u043c\u0430\u044f", 5),
        ("\u043c\u0430\u0440\u0442\u0430", 3),
        ("elm", None),
        ("marvellous", None),
    ],
)
def test_names_of_other_languages_are_known_with_and_without_accents(name, number):
    assert month_number(name) == number
