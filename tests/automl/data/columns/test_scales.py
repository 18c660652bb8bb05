"""Words behind a number that change its value, and texts that only look like them."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from automl.data.columns.number_forms import find_numbers
from automl.data.columns.scales import find_scale
from automl.data.numbers import read_numbers
from automl.data.options import Reading


def find(*texts):
    """The numbers of a column of these texts; None if it holds none."""
    counts = Counter(texts)
    return find_numbers(pa.array(list(counts)), np.array(list(counts.values())), Reading())


@pytest.mark.parametrize(
    ("scale", "texts", "values"),
    [
        ("short", ("1.2K", "3.4M", "900"), (1_200, 3_400_000, 900)),
        ("short", ("2.5k", "389"), (2_500, 389)),
        ("short", ("19M", "201k"), (19e6, 201e3)),
        ("short", ("\u20ac110.5M", "\u20ac565K", "\u20ac0"), (110.5e6, 565e3, 0)),
        ("short", ("$1.5M", "$2M"), (1.5e6, 2e6)),
        ("short", ("$2.9T", "$450B"), (2.9e12, 450e9)),
        ("short", ("1,5 Mio. \u20ac", "2 Mrd. \u20ac"), (1.5e6, 2e9)),
        ("short", ("1.5M", "800,000"), (1.5e6, 8e5)),
        ("indian", ("2.5 Cr", "60 Lac"), (25e6, 6e6)),
        ("indian", ("45 lakhs", "1.5 crores", "500"), (45e5, 15e6, 500)),
        ("bytes", ("512 KB", "3 MB", "1.5 GB"), (512e3, 3e6, 1.5e9)),
        ("debit", ("437.68 CR", "1,012.50 DR"), (437.68, -1012.5)),
        ("debit", ("437.68Cr", "12.50Dr"), (437.68, -12.5)),
        ("debit", ("500 Cr", "300 Dr"), (500, -300)),
        ("debit", ("1.234,56 H", "20,10 S"), (1234.56, -20.1)),
        ("debit", ("1.234,56 C", "20,10 D"), (1234.56, -20.1)),
        ("debit", ("437.68 CR", "12.50 CR"), (437.68, 12.5)),
        ("debit", ("437.68", "12.50 DR"), (437.68, -12.5)),
        ("credit", ("437.68", "12.50 CR"), (437.68, -12.5)),
        ("latitude", ("41.4658\u00b0 N", "33.8688\u00b0 S"), (41.4658, -33.8688)),
        ("longitude", ("8.0762E", "70.6483W"), (8.0762, -70.6483)),
    ],
    ids=str,
)
def test_a_word_that_changes_the_value_is_part_of_it(scale, texts, values):
    found = find(*texts)
    assert (found.form.scale, found.n_misfits) == (scale, 0)
    assert found.values.to_pylist() == pytest.approx(list(values))


@pytest.mark.parametrize(
    "texts",
    [
        ("12a", "12b", "7c"),
        ("1CR", "2DR", "3CR"),  # rooms
        ("12b", "3m", "4k"),
        ("1.50 h", "45.25 s"),
        ("12N", "14S", "3N"),
        ("800m", "5k", "10k"),  # distances
        ("E85", "B20"),
        ("1.2.3", "1.2.4"),
        ("5K run", "10K run"),
    ],
    ids=str,
)
def test_codes_stay_codes(texts):
    found = find(*texts)
    assert found is None


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (("3 cr", "4 cr"), "cr"),  # points of a course
        (("12.5 m", "3 m"), "m"),
        (("5 t", "12.5 t"), "t"),
        (("300 K", "273.15 K"), "k"),
        (("2.1 lakh", "3.5 lakh"), "lakh"),
    ],
    ids=str,
)
def test_one_unit_in_all_cells_stays_a_unit(texts, unit):
    found = find(*texts)
    assert (found.form.unit, found.form.scale) == (unit, "")


def test_two_currencies_have_no_common_scale():
    assert find_scale(pa.array(["$1.5M", "\u20ac2M"])) == ("", "")
    form = find("$1.5M", "$300K").form
    assert read_numbers(pa.array(["$2M", "\u20ac2M"]), form)[0].to_pylist() == [2e6, None]


def test_a_number_without_the_unit_that_multiplies_the_others_is_not_in_their_form():
    form = find("2.1k", "3.5k").form
    assert read_numbers(pa.array(["4k", "500"]), form)[0].to_pylist() == [4.0, None]
