from datetime import datetime

import pyarrow as pa
import pytest

from automl.data.columns.dates import date_share, is_day_first, parse_dates


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
        ("08-Apr-21", datetime(2021, 4, 8)),
        ("8 apr 71", datetime(1971, 4, 8)),
        ("8th April 2021", datetime(2021, 4, 8)),
        ("08.04.21", datetime(2021, 8, 4)),
        ("08-04-21 10:30", datetime(2021, 8, 4, 10, 30)),
        ("Apr 2021", datetime(2021, 4, 1)),
        ("April, 2021", datetime(2021, 4, 1)),
        ("Apr-21", datetime(2021, 4, 1)),
        ("2021 Apr", datetime(2021, 4, 1)),
        ("2021-W14", datetime(2021, 4, 5)),
        ("2021-W14-3", datetime(2021, 4, 7)),
        ("2021-Q2", datetime(2021, 4, 1)),
        ("Q2 2021", datetime(2021, 4, 1)),
        ("20140521T000000", datetime(2014, 5, 21)),
        ("20140521T103000Z", datetime(2014, 5, 21, 10, 30)),
        ("Thu Apr  8 10:00:00 2021", datetime(2021, 4, 8, 10)),
        ("Thu Apr 08 10:00:00 +0200 2021", datetime(2021, 4, 8, 8)),
        ("4/8/2021 10:00 +02:00", datetime(2021, 4, 8, 8)),
        ("8 Apr 2021 10:00:05 UTC", datetime(2021, 4, 8, 10, 0, 5)),
        ("1/5/2013 5:00 p.m.", datetime(2013, 1, 5, 17)),
        ("2021-04-08 10:00:00 UTC", datetime(2021, 4, 8, 10)),
        ("2021-04-08 10:00:00 +0200 CEST", datetime(2021, 4, 8, 8)),
        ("2021-04-08T10:00:00+02:00[Europe/Berlin]", datetime(2021, 4, 8, 8)),
        ("2021/04/08 1:00:01 PM GMT+1", datetime(2021, 4, 8, 12, 0, 1)),
        ("2021/04/08 1:00:01 PM GMT-5:30", datetime(2021, 4, 8, 18, 30, 1)),
        ("2021-04-08 10:00 EST", datetime(2021, 4, 8, 15)),
        ("2021-04-08 10:00 PM", datetime(2021, 4, 8, 22)),
        ("2021-04-08-10.30.05.000000", datetime(2021, 4, 8, 10, 30, 5)),
        ("20210408 103005", datetime(2021, 4, 8, 10, 30, 5)),
        ("2021-04-08 24:00:00", datetime(2021, 4, 9)),
        ("4/8/2021 10:00:00.25", datetime(2021, 4, 8, 10, 0, 0, 250_000)),
        ("10:30 4/8/2021", datetime(2021, 4, 8, 10, 30)),
        ("04.08.2021 10:30 Uhr", datetime(2021, 4, 8, 10, 30)),
        ("10/Oct/2000:13:55:36 -0700", datetime(2000, 10, 10, 20, 55, 36)),
        ("08APR2021:10:30:00", datetime(2021, 4, 8, 10, 30)),
        ("08apr2021", datetime(2021, 4, 8)),
        ("Apr  8 2021 10:30AM", datetime(2021, 4, 8, 10, 30)),
        ("2021-Apr-08", datetime(2021, 4, 8)),
        ("8. M\u00e4rz 2021", datetime(2021, 3, 8)),
        ("8 ao\u00fbt 2021", datetime(2021, 8, 8)),
        ("8 janv. 2021", datetime(2021, 1, 8)),
        ("8 de abril de 2021", datetime(2021, 4, 8)),
        ("08-dic-21", datetime(2021, 12, 8)),
        ("Mrz 21", datetime(2021, 3, 1)),
        ("1 \u044f\u043d\u0432\u0430\u0440\u044f 2021", datetime(2021, 1, 1)),
        ("2021\u5e744\u67088\u65e5", datetime(2021, 4, 8)),
        ("2021. 4. 8.", datetime(2021, 4, 8)),
        ("04/2021", datetime(2021, 4, 1)),
        ("2021m4", datetime(2021, 4, 1)),
        ("2021q2", datetime(2021, 4, 1)),
        ("2Q2021", datetime(2021, 4, 1)),
        ("0000-00-00", None),
        ("13/2021", None),
        ("2021-04-08 24:01", None),
        ("2021-04-08 10:00 XYZ", None),
        ("2013-02-30", None),
        ("2021-W60", None),
        ("1.2.10", None),
        ("1.10.2", None),
        ("May 5", None),
        ("Foo 2021", None),
        ("Q5 2021", None),
        ("20:11", None),
        ("5 Foo 2013", None),
        ("1.2.3", None),
        ("10-20", None),
        ("2013", None),
    ],
)
def test_common_formats_are_read(text, expected):
    assert parse_dates(pa.array([text, "no date"]), day_first=False)[0].as_py() == expected


def test_the_part_above_twelve_is_the_day():
    assert is_day_first(pa.array(["01/02/2013", "31/12/2013"]))
    assert not is_day_first(pa.array(["01/02/2013", "12/31/2013"]))
    assert not is_day_first(pa.array(["01/02/2013"]))
    assert is_day_first(pa.array(["01.02.2013"]))
    assert parse_dates(pa.array(["01/02/2013"]), True)[0].as_py() == datetime(2013, 2, 1)


def test_the_share_of_dates_counts_what_can_be_read():
    assert date_share(pa.array(["2013-01-01"] * 3 + ["soon"])) == 0.75
    assert date_share(pa.array([None, None], pa.string())) == 0.0


@pytest.mark.parametrize("mark", ["-", "unknown", "0000-00-00", "n.a."])
def test_marks_of_a_missing_value_do_not_make_dates_categories(mark):
    texts = [f"2021-04-{day:02}" for day in range(1, 10)]
    assert date_share(pa.array([*texts, mark])) == 1.0
    assert date_share(pa.array([*texts, "soon"])) == 0.9
    assert date_share(pa.array([mark])) == 0.0
