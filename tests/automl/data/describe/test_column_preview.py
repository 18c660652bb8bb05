from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from automl.data.describe.column_preview import look_at
from automl.plugin.task import ColumnKind

RANDOM = np.random.default_rng(0)


def column(values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        ([None, 1163.74, 2.0, 1163.74, -3.5], ColumnKind.NUMERIC, ("1163.74", "2", "-3.5")),
        (
            [1e300, 1 / 3, 123456789012.0],
            ColumnKind.NUMERIC,
            ("1e+300", "0.333333", "123456789012"),
        ),
        ([1.0, None, 0.0], ColumnKind.BOOLEAN, ("true", "false")),
        (
            [datetime(2021, 3, 4), datetime(2021, 3, 4, 5, 6)],
            ColumnKind.DATETIME,
            ("2021-03-04", "2021-03-04 05:06:00"),
        ),
        (["red", "x" * 90], ColumnKind.CATEGORICAL, ("red", "x" * 37 + "...")),
        ([None] * 5000 + ["late"], ColumnKind.TEXT, ("late",)),
        ([None], ColumnKind.NUMERIC, ()),
    ],
)
def test_the_first_different_values_are_shown_as_they_were_read(values, kind, first):
    kinds = {
        ColumnKind.NUMERIC: pa.float64(),
        ColumnKind.BOOLEAN: pa.float64(),
        ColumnKind.DATETIME: pa.timestamp("us"),
    }
    found = column(values, kinds.get(kind, pa.string()))
    if kind is ColumnKind.CATEGORICAL:
        found = found.dictionary_encode()
    assert look_at(found, kind).first == first


def test_values_far_from_the_others_are_counted_and_the_farthest_shown():
    values = [*RANDOM.normal(size=1000), 1e6, -50.0, None, 1e6]
    found = look_at(column(values), ColumnKind.NUMERIC)
    assert (found.n_outliers, found.outliers) == (3, ("1000000", "-50"))


def test_dates_lie_far_from_others_too():
    days = [datetime(2021, 1, 1) + timedelta(days=i) for i in range(100)]
    found = look_at(
        column([*days, datetime(9999, 12, 31)], pa.timestamp("us")), ColumnKind.DATETIME
    )
    assert (found.n_outliers, found.outliers) == (1, ("9999-12-31",))


@pytest.mark.parametrize(
    "values",
    [
        np.exp(3 * RANDOM.normal(size=1000)),  # a long tail
        [0.0] * 990 + [5.0] * 10,  # most are the same
        [1.0, 2.0, 3.0, 1e9],  # few
    ],
)
def test_long_tails_and_rare_values_are_no_outliers(values):
    assert look_at(column(list(values)), ColumnKind.NUMERIC).n_outliers == 0
