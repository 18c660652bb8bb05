"""Dates as parts."""

from __future__ import annotations

import datetime as dt

import numpy as np

from automl.plugin import Encoding


def test_dates_become_their_parts_without_an_hour(table, fit):
    days = [dt.datetime(2020, 2, 29), dt.datetime(2021, 12, 24), None]
    encoder, X = fit(table(("datetime", days)))
    names = [f"c0_{part}" for part in ("days", "year", "month", "day", "weekday")]
    assert list(encoder.features.names) == names
    assert X[0].tolist() == [18321, 2020, 2, 29, 5]
    assert X[1].tolist() == [18985, 2021, 12, 24, 4]
    assert np.isnan(X[2]).all()


def test_a_time_of_day_gives_hours_and_part_of_the_day_count(table, fit):
    times = [dt.datetime(1969, 12, 31, 18), dt.datetime(1970, 1, 1, 6)]
    encoder, X = fit(table(("datetime", times)))
    by_name = dict(zip(encoder.features.names, X.T.tolist(), strict=True))
    assert by_name["c0_days"] == [-0.25, 0.25]
    assert by_name["c0_hour"] == [18, 6]


def test_scaled_views_add_circles_and_one_indicator(table, fit):
    times = [dt.datetime(2020, 1 + i % 12, 1 + i % 28, i % 24) for i in range(100)]
    encoder, X = fit(table(("datetime", [*times, None])), Encoding("standard"))
    names = encoder.features.names
    assert {"c0_month_sin", "c0_month_cos", "c0_hour_sin", "c0_hour_cos"} <= set(names)
    assert [n for n in names if n.endswith("_is_missing")] == ["c0_days_is_missing"]
    assert np.isfinite(X).all()
    december, january, june = (names.index("c0_month_cos") for _ in range(3))
    assert abs(X[11, december] - X[0, january]) < abs(X[5, june] - X[0, january])


def test_constant_and_empty_dates_are_dropped(table, fit):
    same = dt.datetime(2020, 1, 1)
    data = table(("datetime", [same] * 4), ("datetime", [None] * 3 + [same]), ("numeric", range(4)))
    encoder, _ = fit(data, rows=[0, 1, 2])
    assert encoder.features.names == ("c2",)


def test_a_date_that_is_only_sometimes_known_is_told_once(table, fit):
    same = dt.datetime(2020, 1, 1)
    encoder, X = fit(table(("datetime", [same, None, same])))
    assert encoder.features.names == ("c0_days",)
    assert np.isnan(X[:, 0]).tolist() == [False, True, False]
