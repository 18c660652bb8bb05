from datetime import datetime

import pyarrow as pa
import pytest

from automl.data.dates import date_share, dates_of_texts, is_day_first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-01-05", datetime(2013, 1, 5)),
        ("2013-01-05 05:06:07.250", datetime(2013, 1, 5, 5, 6, 7, 250_000)),
        ("2013-01-05T05:00:00+02:00", datetime(2013, 1, 5, 3)),
        ("2013-01-05T05:00:00Z", datetime(2013, 1, 5, 5)),
        ("2013/1/5", datetime(2013, 1, 5)),
        ("1/5/2013 5:00 PM", datetime(2013, 1, 5, 17)),
        ("1/5/2013 12:30 am", datetime(2013, 1, 5, 0, 30)),
        ("1/5/13", datetime(2013, 1, 5)),
        ("1/5/71", datetime(1971, 1, 5)),
        ("Sat, 5 Jan 2013 05:00", datetime(2013, 1, 5, 5)),
        ("January 5, 2013", datetime(2013, 1, 5)),
        ("2013-01", datetime(2013, 1, 1)),
        ("2013-02-30", None),
        ("5 Foo 2013", None),
        ("1.2.3", None),
        ("10-20", None),
        ("2013", None),
    ],
)
def test_common_formats_are_read(text, expected):
    assert dates_of_texts(pa.array([text, "no date"]), day_first=False)[0].as_py() == expected


def test_the_part_above_twelve_is_the_day():
    assert is_day_first(pa.array(["01/02/2013", "31/12/2013"]))
    assert not is_day_first(pa.array(["01/02/2013", "12/31/2013"]))
    assert not is_day_first(pa.array(["01/02/2013"]))
    assert is_day_first(pa.array(["01.02.2013"]))
    assert dates_of_texts(pa.array(["01/02/2013"]), True)[0].as_py() == datetime(2013, 2, 1)


def test_the_share_of_dates_counts_what_can_be_read():
    assert date_share(pa.array(["2013-01-01"] * 3 + ["soon"])) == 0.75
    assert date_share(pa.array([None, None], pa.string())) == 0.0
