"""Split plans: every division keeps its promise, whatever the data."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.data.split.choose import load_split_plan, make_split_plan, save_split_plan
from automl.data.table import Dataset, Table, Target
from automl.errors import ConfigError, DataError, RunError
from automl.plugin import Task


def dataset(y, task=Task.BINARY, **columns):
    y = np.asarray(y)
    classes = tuple(range(int(y.max()) + 1)) if task.is_classification else ()
    table = Table(pa.table({"c0": np.zeros(len(y))}), ())
    columns = {name: np.asarray(value, dtype=np.int64) for name, value in columns.items()}
    return Dataset(table, Target("y", task, classes), y, **columns)


def coin(n_rows, seed=0):
    return np.random.default_rng(seed).integers(0, 2, n_rows)


def assert_partition(plan, n_folds):
    """Every repeat validates each row once and trains on all others."""
    for start in range(0, plan.n_folds, n_folds):
        divisions = plan.splits[start : start + n_folds]
        np.testing.assert_array_equal(
            np.sort(np.concatenate([d.valid for d in divisions])), np.arange(plan.n_rows)
        )
        for d in divisions:
            np.testing.assert_array_equal(np.union1d(d.train, d.valid), np.arange(plan.n_rows))
            assert len(d.train) + len(d.valid) == plan.n_rows


many = settings(max_examples=40, deadline=None)


@many
@given(
    y=st.lists(st.integers(0, 4), min_size=6, max_size=80),
    folds=st.integers(2, 6),
    repeats=st.integers(1, 2),
    seed=st.integers(0, 5),
)
def test_stratified_folds_partition_the_rows_and_train_on_every_class(y, folds, repeats, seed):
    data = dataset(y, Task.MULTICLASS)
    plan = make_split_plan(data, seed=seed, folds=folds, repeats=repeats)
    assert plan.kind == "stratified"
    assert plan.n_folds == folds * repeats
    assert_partition(plan, folds)
    counts = np.bincount(data.y)
    for d in plan.splits:
        assert set(np.flatnonzero(counts >= 2)) <= set(data.y[d.train])
        share = np.bincount(data.y[d.valid], minlength=len(counts))
        assert np.all(np.abs(share - counts / folds) <= 1)
    again = make_split_plan(data, seed=seed, folds=folds, repeats=repeats)
    assert again.digest == plan.digest


@many
@given(
    rows=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=8, max_size=80),
    folds=st.integers(1, 3),
    task=st.sampled_from([Task.MULTICLASS, Task.REGRESSION]),
)
def test_no_group_is_on_both_sides(rows, folds, task):
    group, y = map(np.array, zip(*rows, strict=True))
    data = dataset(y.astype(float) if task is Task.REGRESSION else y, task, group=group)
    if len(np.unique(group)) < max(folds, 2):
        with pytest.raises(DataError, match="groups"):
            make_split_plan(data, seed=0, folds=folds)
        return
    plan = make_split_plan(data, seed=0, folds=folds)
    assert plan.kind == "group"
    assert not plan.exchangeable
    if folds > 1:
        assert_partition(plan, folds)
    for d in plan.splits:
        assert not set(group[d.train]) & set(group[d.valid])
        assert len(d.train)
        assert len(d.valid)


@many
@given(
    times=st.lists(st.integers(0, 30), min_size=10, max_size=80),
    folds=st.integers(1, 4),
)
def test_training_rows_lie_before_validation_rows(times, folds):
    time = np.array(times)
    data = dataset(coin(len(time)), time=time)
    n_times = len(np.unique(time))
    if n_times < (folds + 1 if folds > 1 else 2):
        with pytest.raises(DataError, match="time"):
            make_split_plan(data, seed=0, folds=folds)
        return
    plan = make_split_plan(data, seed=0, folds=folds)
    assert plan.kind == "time"
    assert plan.n_folds == folds
    for d in plan.splits:
        assert time[d.train].max() < time[d.valid].min()
    valid = np.concatenate([d.valid for d in plan.splits])
    assert len(np.unique(valid)) == len(valid)
    assert time.argmax() in valid
    np.testing.assert_array_equal(np.flatnonzero(plan.covered), np.sort(valid))


def test_time_windows_expand_and_are_about_equal():
    time = np.random.default_rng(0).permutation(600)
    plan = make_split_plan(dataset(coin(600), time=time), seed=0, folds=5)
    assert [len(d.train) for d in plan.splits] == [100, 200, 300, 400, 500]
    assert [len(d.valid) for d in plan.splits] == [100] * 5
    assert plan.covered.sum() == 500


def test_with_time_and_groups_both_promises_hold():
    rng = np.random.default_rng(0)
    time, group = np.arange(300), rng.integers(0, 60, 300)
    plan = make_split_plan(dataset(coin(300), time=time, group=group), seed=0, folds=3)
    for d in plan.splits:
        assert time[d.train].max() < time[d.valid].min()
        assert not set(group[d.train]) & set(group[d.valid])


def test_given_folds_are_kept_as_they_are():
    fold = np.array([7, 7, 3, 3, 9, 9])
    plan = make_split_plan(dataset([0, 1] * 3, fold=fold), seed=0, folds=5)
    assert plan.kind == "given"
    assert [set(fold[d.valid]) for d in plan.splits] == [{3}, {7}, {9}]
    assert "search.folds=5 is not used" in plan.reason
    assert not plan.exchangeable


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"fold": [1] * 6}, "1 distinct value"),
        ({"fold": [0, 1, 0, 1, 0, 1], "group": [5, 5, 6, 6, 7, 7]}, "both sides"),
        ({"fold": [0, 1, 0, 1, 0, 1], "time": [1, 2, 3, 4, 5, 6]}, "contradict"),
        ({"group": [4] * 6}, "groups"),
        ({"time": [4] * 6}, "time"),
    ],
)
def test_data_that_cannot_be_divided_is_refused_in_words(columns, message):
    with pytest.raises(DataError, match=message):
        make_split_plan(dataset([0, 1] * 3, **columns), seed=0)


@pytest.mark.parametrize(
    ("settings_", "name"),
    [
        ({"folds": 0}, "search.folds=0"),
        ({"repeats": 0}, "search.repeats=0"),
        ({"holdout_share": 1.5}, "search.holdout_share=1.5"),
    ],
)
def test_a_setting_out_of_range_is_named(settings_, name):
    with pytest.raises(ConfigError, match=name):
        make_split_plan(dataset([0, 1] * 3), seed=0, **settings_)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="1 row"):
        make_split_plan(dataset([0]), seed=0)
    with pytest.raises(DataError, match="9 folds need at least 9 rows"):
        make_split_plan(dataset([0, 1] * 3), seed=0, folds=9)


def test_chosen_folds_shrink_to_what_the_data_allows():
    group = np.repeat(np.arange(3), 20)
    plan = make_split_plan(dataset(coin(60), group=group), seed=0, repeats=1)
    assert plan.n_folds == 3
    assert "only 3 groups" in plan.reason


@pytest.mark.parametrize(
    ("n_rows", "time_s", "n_folds", "kind"),
    [
        (2_000, 60, 5, "stratified"),
        (2_000, 119, 5, "stratified"),
        (2_000, 120, 8, "stratified"),
        (2_000, None, 8, "stratified"),
        (400, 600, 16, "stratified"),
        (400, 60, 5, "stratified"),
        (200_000, 300, 1, "holdout"),
        (200_000, 301, 8, "stratified"),
        (1_000_000, None, 1, "holdout"),
    ],
)
def test_defaults_follow_rows_and_budget(n_rows, time_s, n_folds, kind):
    plan = make_split_plan(dataset(coin(n_rows)), seed=0, time_s=time_s)
    assert (plan.n_folds, plan.kind) == (n_folds, kind)
    assert plan.exchangeable
    assert plan.reason


@pytest.mark.parametrize(("folds_s", "n_folds"), [(0.0, 5), (29.0, 5), (31.0, 1)])
def test_a_holdout_takes_the_place_of_folds_that_would_take_half_the_budget(folds_s, n_folds):
    plan = make_split_plan(dataset(coin(400)), seed=0, time_s=60.0, folds_s=folds_s)
    assert plan.n_folds == n_folds


NUMBERS = np.random.default_rng(0).lognormal(size=2_000)
GROUPS = {"group": np.repeat(np.arange(200), 10)}


@pytest.mark.parametrize(
    ("y", "task", "time_s", "columns", "n_folds"),
    [
        (NUMBERS, Task.REGRESSION, 20.0, {}, 1),
        (NUMBERS, Task.REGRESSION, 21.0, {}, 5),
        (NUMBERS, Task.REGRESSION, None, {}, 8),
        (NUMBERS[:1_999], Task.REGRESSION, 20.0, {}, 5),
        (NUMBERS, Task.REGRESSION, 20.0, GROUPS, 5),
        (NUMBERS, Task.REGRESSION, 20.0, {"time": np.arange(2_000)}, 5),
        (coin(2_000), Task.BINARY, 20.0, {}, 5),
    ],
)
def test_a_regression_of_a_few_seconds_holds_out_a_fifth(y, task, time_s, columns, n_folds):
    plan = make_split_plan(dataset(y, task, **columns), seed=0, time_s=time_s)
    assert plan.n_folds == n_folds
    if n_folds == 1:
        assert len(plan.splits[0].valid) == 400
        assert "20 s are too short for the folds of a regression" in plan.reason


def test_folds_that_are_asked_for_are_made_however_short_the_time():
    data = dataset(NUMBERS, Task.REGRESSION)
    assert make_split_plan(data, seed=0, time_s=5.0, folds=5).n_folds == 5


def test_a_large_holdout_stays_at_100000_rows():
    plan = make_split_plan(dataset(coin(1_500_000)), seed=0)
    assert abs(len(plan.splits[0].valid) - 100_000) <= 2


@many
@given(y=st.lists(st.integers(0, 5), min_size=4, max_size=60), share=st.floats(0.05, 0.95))
def test_a_holdout_leaves_every_class_in_training(y, share):
    data = dataset(y, Task.MULTICLASS)
    plan = make_split_plan(data, seed=1, folds=1, holdout_share=share)
    (d,) = plan.splits
    np.testing.assert_array_equal(np.union1d(d.train, d.valid), np.arange(len(y)))
    assert len(d.train) + len(d.valid) == len(y)
    if len(d.valid) > 1:
        assert set(data.y[d.train]) == set(data.y)


def test_a_holdout_share_alone_means_a_holdout():
    plan = make_split_plan(dataset(coin(1000)), seed=0, holdout_share=0.25)
    assert plan.kind == "holdout"
    assert abs(len(plan.splits[0].valid) - 250) <= 1


def test_regression_folds_have_like_targets():
    y = np.random.default_rng(0).lognormal(size=800)
    plan = make_split_plan(dataset(y, Task.REGRESSION), seed=0, folds=8)
    assert plan.kind == "plain"
    medians = [np.median(y[d.valid]) for d in plan.splits]
    assert max(medians) / min(medians) < 1.25


def test_grouped_folds_have_like_classes_and_sizes():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 200, 4000)
    y = (rng.random(200) < 0.2).astype(int)[group]
    plan = make_split_plan(dataset(y, group=group), seed=0, folds=5)
    for d in plan.splits:
        assert abs(y[d.valid].mean() - y.mean()) < 0.02
        assert abs(len(d.valid) - 800) < 80


def test_repeats_and_seeds_divide_otherwise():
    data = dataset(coin(100))
    plan = make_split_plan(data, seed=0, folds=4, repeats=2)
    first, second = plan.splits[0], plan.splits[4]
    assert not np.array_equal(first.valid, second.valid)
    assert make_split_plan(data, seed=1, folds=4, repeats=2).digest != plan.digest


def test_a_saved_plan_comes_back_equal(tmp_path):
    plan = make_split_plan(dataset(coin(100)), seed=0, folds=4)
    save_split_plan(plan, tmp_path / "split")
    loaded = load_split_plan(tmp_path / "split")
    assert (loaded.digest, loaded.kind, loaded.reason) == (plan.digest, plan.kind, plan.reason)
    for a, b in zip(plan.splits, loaded.splits, strict=True):
        np.testing.assert_array_equal(a.train, b.train)
        np.testing.assert_array_equal(a.valid, b.valid)


def test_a_changed_plan_is_refused_and_named(tmp_path):
    save_split_plan(make_split_plan(dataset(coin(100)), seed=0, folds=4), tmp_path)
    indices = np.load(tmp_path / "indices.npy")
    indices[[0, 1]] = indices[[1, 0]]
    np.save(tmp_path / "indices.npy", indices)
    with pytest.raises(RunError, match=r"indices\.npy"):
        load_split_plan(tmp_path)


@pytest.mark.parametrize("name", ["indices.npy", "plan.json"])
def test_a_missing_or_torn_file_of_a_plan_is_named(tmp_path, name):
    save_split_plan(make_split_plan(dataset(coin(100)), seed=0, folds=4), tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=name):
        load_split_plan(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=name):
        load_split_plan(tmp_path)


def test_a_plan_without_a_key_is_damaged(tmp_path):
    save_split_plan(make_split_plan(dataset(coin(100)), seed=0, folds=4), tmp_path)
    meta = json.loads((tmp_path / "plan.json").read_text())
    del meta["lengths"]
    (tmp_path / "plan.json").write_text(json.dumps(meta))
    with pytest.raises(RunError, match="damaged"):
        load_split_plan(tmp_path)


def test_rows_of_fold_minus_one_train_always_and_are_never_validated(tmp_path):
    fold = np.array([-1, 0, 1, -1, 0, 1, 2, 2])
    data = dataset([0, 1] * 4, fold=fold)
    plan = make_split_plan(data, seed=0)
    assert plan.n_folds == 3
    for number, division in enumerate(plan.splits):
        assert fold[division.valid].tolist() == [number] * 2
        assert {0, 3} < set(division.train)
    assert plan.fold_of_row.tolist() == fold.tolist()
    assert plan.covered.tolist() == (fold >= 0).tolist()
    assert "2 rows of fold -1: for training only" in plan.reason
    save_split_plan(plan, tmp_path)
    assert load_split_plan(tmp_path).fold_of_row.tolist() == fold.tolist()


def test_given_folds_are_those_of_a_predefined_split():
    from sklearn.model_selection import PredefinedSplit

    fold = np.random.default_rng(0).integers(-1, 4, 60)
    plan = make_split_plan(dataset(coin(60), fold=fold), seed=0)
    for division, (train, valid) in zip(plan.splits, PredefinedSplit(fold).split(), strict=True):
        assert division.train.tolist() == train.tolist()
        assert division.valid.tolist() == valid.tolist()


def test_one_given_fold_beside_rows_that_always_train_is_a_holdout():
    plan = make_split_plan(dataset([0, 1] * 4, fold=[-1] * 5 + [0] * 3), seed=0)
    assert plan.n_folds == 1
    assert plan.splits[0].valid.tolist() == [5, 6, 7]
    assert plan.reason.startswith("1 fold, as given")


def test_repeats_are_told_apart():
    plan = make_split_plan(dataset(coin(40)), seed=0, folds=3, repeats=2)
    assert plan.repeats == ((0, 1, 2), (3, 4, 5))
    assert make_split_plan(dataset(coin(40)), seed=0, folds=3).repeats == ((0, 1, 2),)


FEW = {"y": [0, 1] * 6, "group": [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]}
ROWS = {"y": [0, 1] * 6}
TIMES = {"y": [0, 1] * 6, "time": list(range(12))}


@pytest.mark.parametrize(
    ("columns", "options", "reason"),
    [
        (ROWS, {"folds": 3}, "3 folds stratified by class (as set)"),
        (
            ROWS,
            {"folds": 3, "repeats": 2, "holdout_share": 0.5},
            "3 folds stratified by class, 2 times (as set; holdout_share is not used)",
        ),
        (ROWS, {"folds": 1, "holdout_share": 0.5}, "a holdout of 6 rows (as set)"),
        (ROWS, {"holdout_share": 0.25}, "a holdout of 3 rows (holdout_share is set)"),
        (FEW, {"folds": 2}, "2 folds of whole groups, 6 groups (as set)"),
        (FEW, {"folds": 1}, "a holdout of whole groups, 6 groups (as set)"),
        (
            TIMES,
            {"folds": 2},
            "2 folds in order of time, each trained on all rows before (as set)",
        ),
        (
            TIMES,
            {"folds": 2, "repeats": 2, "window": 3},
            "2 folds in order of time, each trained on the last 3 distinct times before "
            "(as set); repeats would be the same split",
        ),
        (
            TIMES,
            {"folds": 1, "gap": 1},
            "the last rows in time are held out, trained on all rows before a gap of "
            "1 distinct time (as set)",
        ),
    ],
)
def test_the_reason_says_what_was_chosen_and_why(columns, options, reason):
    assert make_split_plan(dataset(**columns), seed=0, **options).reason == reason


def test_the_reason_for_values_says_what_is_balanced():
    values = dataset(np.arange(12.0), Task.REGRESSION)
    reason = make_split_plan(values, seed=0, folds=3).reason
    assert reason == "3 folds balanced by target value (as set)"


def test_groups_without_a_common_class_are_dealt_out_by_their_rows():
    sizes = [40, 30, 30, 20]
    group = np.repeat(np.arange(4), sizes)
    plan = make_split_plan(dataset(group, Task.MULTICLASS, group=group), seed=0, folds=2)
    assert [len(d.valid) for d in plan.splits] == [60, 60]


def test_a_fold_whose_group_leaves_no_training_row_is_refused():
    data = dataset(coin(12), time=np.arange(12), group=np.zeros(12))
    with pytest.raises(DataError, match="fold 0 has no training rows"):
        make_split_plan(data, seed=0, folds=2)


def test_a_holdout_is_a_tenth_of_the_rows_unless_a_share_is_given():
    assert len(make_split_plan(dataset(coin(200)), seed=0, folds=1).splits[0].valid) == 20


def test_a_holdout_in_time_has_the_last_rows_of_the_share():
    (split,) = make_split_plan(dataset(**TIMES), seed=0, holdout_share=0.25).splits
    assert (split.train.tolist(), split.valid.tolist()) == (list(range(9)), [9, 10, 11])


@pytest.mark.parametrize(("n_rows", "n_folds"), [(499, 16), (500, 8)])
def test_folds_of_fewer_than_500_rows_are_repeated(n_rows, n_folds):
    assert make_split_plan(dataset(coin(n_rows)), seed=0).n_folds == n_folds


def test_settings_that_given_folds_override_are_named():
    data = dataset([0, 1] * 6, fold=[0, 1, 2] * 4)
    reason = make_split_plan(data, seed=0, folds=5, repeats=2).reason
    assert reason == (
        "3 folds, as given by the folds column (search.folds=5 is not used) "
        "(search.repeats=2 is not used)"
    )
    assert "not used" not in make_split_plan(data, seed=0, folds=3, repeats=1).reason
