from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from automl.data.columns.number_forms import find_numbers, misfit_rows
from automl.data.numbers import NumberForm, read_numbers
from automl.data.options import Reading


def find(*texts, any_misfits=False, **reading):
    """What a column of these texts is; None where it holds no numbers."""
    counts = Counter(texts)
    numbers = np.array(list(counts.values()))
    return find_numbers(
        pa.array(list(counts)), numbers, Reading(**reading), any_misfits=any_misfits
    )


def form_of(*texts, **options):
    return find(*texts, **options).form


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (("1", "2.5"), NumberForm()),
        (("1,163.74", "20.10"), NumberForm(thousands=",")),
        (("1,234,567", "2"), NumberForm(thousands=",")),
        (("1'234.5", "12"), NumberForm(thousands="'")),
        (("1 234", "12"), NumberForm(thousands=" ")),
        (("2,5", "3"), NumberForm(",")),
        (("1.163,74", "20,10"), NumberForm(",", ".")),
        (("1 163,74", "20,10"), NumberForm(",", " ")),
        (("$12.50", "$3", "4"), NumberForm(unit="$")),
        (("45.2%", "3%"), NumberForm(unit="%")),
        (("$4.99", *["0"] * 9), NumberForm(unit="$")),
        (("159lbs", "172lbs"), NumberForm(unit="lbs")),
        (("56%RH", "71%RH"), NumberForm(unit="%rh")),
        (("Fr. 12.--", "Fr. 3.50"), NumberForm(unit="fr")),
        (("12,5 kg", "300 kg"), NumberForm(",", unit="kg")),
        (("3 bedrooms", "1 bedroom"), NumberForm(unit="bedroom")),
        (("(4.5)", "\u22122", "3"), NumberForm()),
        (("20:11", "08:15"), NumberForm(is_clock=True)),
        (("1h 30m", "PT2H", "1 day 02:00:00"), NumberForm(is_clock=True)),
    ],
)
def test_the_form_follows_from_all_values(texts, form):
    found = find(*texts)
    assert found.form == form
    assert (found.n_misfits, found.other) == (0, "")
    assert found.values.null_count == 0


@pytest.mark.parametrize(
    "texts",
    [
        ("12a", "12b", "7c"),
        ("1.2.3", "1.2.4", "2.0.0"),
        ("192.168.100.200", "10.0.0.1", "192.168.100.201"),
        ("555 123 456", "555 123 457", "030 123 456"),
        ("555 123 456", "555 123 457"),
        ("12.5 kg", "300 g"),
        ("10 Downing", "11 Baker", "12 Elm"),
        ("1/2", "3/4"),
        ("10-20", "20-30"),
        ("20:11", "1:2"),
        ("0x1A", "0x1B"),
        ("2021-01-01", "2021-01-02"),
        ("50%", "0.5", "0.7", "20%"),
        ("$4.99", "$3", "$2", *["7"] * 9),
        ("a", "b"),
        (*map(str, range(100)), "12a", "13b"),  # two of them are no slips of a finger
        (*map(str, range(100)), "V10", "E85"),
    ],
    ids=lambda texts: texts[-1],
)
def test_codes_and_other_texts_are_no_numbers(texts):
    assert find(*texts) is None


def test_a_few_cells_that_are_no_number_are_counted_and_named():
    found = find(*[f"{i / 10}" for i in range(60)], "<0.1", "<0.1", "5*", "n.a.")
    assert (found.n_misfits, found.misfits) == (3, ("<0.1", "5*"))
    assert found.values.null_count == 3  # the mark too, which is no misfit


@pytest.mark.parametrize(
    ("n_numbers", "n_misfits", "is_number"),
    [(12, 2, True), (5, 2, False), (40, 3, False), (95, 5, True), (94, 6, False)],
)
def test_one_in_twenty_or_two_cells_may_be_something_else(n_numbers, n_misfits, is_number):
    texts = [f"{i}.5" for i in range(n_numbers)] + [f"odd {'x' * i}" for i in range(n_misfits)]
    assert (find(*texts) is not None) is is_number


def test_marks_of_a_missing_value_are_no_misfits_however_many():
    found = find("1", "2", *["-"] * 50, *["unknown"] * 50, *["NONE"] * 9)
    assert (found.n_misfits, found.values.to_pylist()) == (0, [1.0, 2.0, None, None, None])


@pytest.mark.parametrize(
    ("texts", "usual", "form", "other"),
    [
        (("1,234", "5,678"), ".", NumberForm(thousands=","), ","),
        (("1,234", "5,678"), ",", NumberForm(","), "."),
        (("1.234", "5.678"), ".", NumberForm(), ""),
        (("1.234", "5.678"), ",", NumberForm(",", "."), "."),
        (("4,237", "671"), ",", NumberForm(thousands=","), ""),  # 671 shows what is not marked
        (("5,678", "1234"), ".", NumberForm(","), ""),  # 1234 has no mark of thousands
        (("0,512", "5,678"), ".", NumberForm(","), ""),
    ],
)
def test_a_mark_that_may_be_either_is_told_by_the_others_or_said_to_be_in_doubt(
    texts, usual, form, other
):
    found = find(*texts, usual=usual)
    assert (found.form, found.other) == (form, other)


def test_a_person_sets_the_decimal_mark():
    assert form_of("1,234", "5,678", decimal=",") == NumberForm(",")
    assert form_of("1.234", "5.678", decimal=",") == NumberForm(",", ".")
    assert form_of("1.234", "5.678", decimal=".") == NumberForm()
    assert find("1.5", "2.25", decimal=",") is None


def test_where_a_person_says_so_all_that_can_be_read_is():
    found = find("a", "b", "3.5", any_misfits=True)
    assert (found.n_misfits, found.values.to_pylist()) == (2, [None, None, 3.5])


def test_misfits_of_a_known_form_are_counted_by_rows():
    texts = pa.array(["1,5", "2", "x", "-"])
    rows = pa.array([0] + [1] * 2 + [2] * 4 + [3] * 8 + [None])
    for form, n_misfits in ((NumberForm(","), 4), (NumberForm(), 5)):
        assert misfit_rows(rows, texts, read_numbers(texts, form)[1]) == n_misfits


@pytest.mark.parametrize("taken_apart", ["split_numbers", "read_numbers"])
def test_words_without_a_digit_are_not_taken_apart(taken_apart, monkeypatch):
    monkeypatch.setattr(f"automl.data.columns.number_forms.{taken_apart}", None)
    assert find("red", "green", "n/a") is None
    with pytest.raises(TypeError):
        find("red", "room 7", "12:30")
