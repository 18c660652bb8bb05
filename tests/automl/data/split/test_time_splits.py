"""Divisions in order of time with a gap and a window: what is trained on, and what is left out."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.data import load_dataset
from automl.data.split.choose import load_split_plan, make_split_plan, save_split_plan
from automl.data.table import Dataset, Table, Target
from automl.errors import ConfigError, DataError
from automl.plugin import Task

DAY_US = 86_400_000_000


def dated(days):
    """One row for each of these days, in any order and with repeats."""
    days = np.asarray(days, dtype=np.int64)
    table = Table(pa.table({"c0": np.zeros(len(days))}), ())
    rank = np.unique(days, return_inverse=True)[1].astype(np.int64)
    return Dataset(
        table,
        Target("y", Task.REGRESSION),
        np.zeros(len(days)),
        time=rank,
        time_name="day",
        moments=days * DAY_US,
    )


def frame(n=60, **columns):
    return pd.DataFrame({"a": np.arange(n) % 7, **columns, "y": np.arange(n) * 1.5})


def plan_of(n_days=360, **options):
    return make_split_plan(dated(np.arange(n_days)), seed=0, **{"folds": 3, **options})


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(st.integers(0, 60), min_size=12, max_size=80),
    gap=st.integers(1, 12),
    window=st.none() | st.integers(1, 40),
    folds=st.integers(1, 3),
)
def test_the_rows_of_a_gap_and_beyond_a_window_are_on_neither_side(days, gap, window, folds):
    data, day = dated(days), np.asarray(days)
    spans = {"gap": timedelta(days=gap)}
    if window is not None:
        spans["window"] = timedelta(days=window)
    try:
        plan = make_split_plan(data, seed=0, folds=folds, **spans)
    except DataError:
        return  # said in words: see below
    for d in plan.splits:
        start = day[d.valid].min()
        since = -1 if window is None else start - gap - window
        np.testing.assert_array_equal(d.train, np.flatnonzero((day < start - gap) & (day >= since)))
    valid = np.concatenate([d.valid for d in plan.splits])
    assert len(np.unique(valid)) == len(valid)
    assert day.argmax() in valid


def test_a_gap_in_times_counts_distinct_times():
    days = np.repeat(np.arange(0, 400, 10), 3)  # 40 times, of which each stands in three rows
    plan = make_split_plan(dated(days), seed=0, folds=3, gap=2)
    for d in plan.splits:
        assert (days[d.valid].min() - days[d.train].max()) / 10 == 3


@pytest.mark.parametrize("gap", [7, timedelta(days=7)])
def test_a_gap_of_seven_daily_times_is_one_of_seven_days(gap):
    plan = plan_of(gap=gap)
    assert [d.valid.min() - d.train.max() for d in plan.splits] == [8, 8, 8]
    assert "before a gap of 7" in plan.reason
    assert plan.newest is None


def test_a_long_gap_moves_the_first_block_and_leaves_all_folds():
    plan = plan_of(gap=timedelta(days=200), folds=8)
    assert plan.n_folds == 8
    assert min(len(d.train) for d in plan.splits) >= 15
    assert plan.splits[-1].valid.max() == 359


@pytest.mark.parametrize("window", [30, timedelta(days=30)])
def test_a_window_rolls_and_the_last_one_is_for_the_model_that_predicts(window, tmp_path):
    plan = plan_of(window=window)
    assert [len(d.train) for d in plan.splits] == [30, 30, 30]
    assert plan.newest.tolist() == list(range(330, 360))
    save_split_plan(plan, tmp_path)
    again = load_split_plan(tmp_path)
    assert again.newest.tolist() == plan.newest.tolist()
    assert again.digest == plan.digest != plan_of().digest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"gap": timedelta(days=400)},
            r"search\.gap='400d' .*'day' has 360 distinct times in 359d",
        ),
        ({"gap": 360}, r"search\.gap='360' leaves no row.*'day' has 360 distinct times.*shorter"),
        ({"gap": 358}, "3 folds need at least 3 changes of time beyond a gap of 358 distinct"),
        ({"window": timedelta(hours=12)}, r"search\.window=12h leaves fold 0 no.*longer window"),
    ],
)
def test_a_span_that_does_not_fit_the_data_names_column_value_and_way_out(options, said):
    with pytest.raises(DataError, match=said):
        plan_of(**options)


def test_a_duration_needs_dates():
    data = load_dataset(frame(t=np.arange(60) * 5), target="y", time_column="t")
    with pytest.raises(ConfigError, match=r"search\.gap=7d .*column 't' holds plain numbers"):
        make_split_plan(data, seed=0, gap=timedelta(days=7))
    plan = make_split_plan(data, seed=0, folds=2, gap=7)
    assert [d.valid.min() - d.train.max() for d in plan.splits] == [8, 8]


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%SZ"])
def test_durations_follow_dates_however_they_are_written(form):
    days = pd.date_range("2021-01-20", periods=60).strftime(form)
    data = load_dataset(frame(t=days), target="y", time_column="t")
    plan = make_split_plan(data, seed=0, folds=2, gap=timedelta(days=7))
    assert [d.valid.min() - d.train.max() for d in plan.splits] == [8, 8]


def test_groups_stay_apart_across_a_gap():
    data = dated(np.arange(90))
    group = np.arange(90) % 9
    plan = make_split_plan(
        Dataset(data.table, data.target, data.y, group=group, time=data.time, time_name="day"),
        seed=0,
        folds=20,
        gap=2,
    )
    for d in plan.splits:
        assert not set(group[d.train]) & set(group[d.valid])
        assert d.valid.min() - d.train.max() >= 3
