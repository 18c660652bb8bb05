from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.plugin import Task
from automl.testing import synthetic_table
from automl.trial.masked_fold import fold_shown_to, inner_fold, stopping_rows, without_validation


def dataset(n_rows=200, **columns):
    rng = np.random.default_rng(0)
    y = (rng.random(n_rows) < 0.2).astype(int)
    frame = pd.DataFrame({"x": rng.normal(size=n_rows), "y": y, **columns})
    return load_dataset(
        frame,
        target="y",
        group="g" if "g" in columns else None,
        time_column="t" if "t" in columns else None,
    )


def test_stopping_rows_are_a_share_of_each_class():
    data, train = dataset(), np.arange(0, 200, 2)
    stopping = stopping_rows(data, train, [0, 1])
    assert stopping.shape == (100,)
    assert stopping.sum() == 15
    y = data.y[train]
    assert abs(y[stopping].mean() - y.mean()) < 0.05
    assert (stopping_rows(data, train, [0, 1]) == stopping).all()
    assert (stopping_rows(data, train, [0, 2]) != stopping).any()


def test_stopping_rows_are_whole_groups():
    group = np.arange(200) // 10
    stopping = stopping_rows(dataset(g=[f"g{k}" for k in group]), np.arange(200), [0, 0])
    assert 0 < stopping.sum() < 100
    assert all(len(set(stopping[group == k])) == 1 for k in set(group))


def test_the_latest_rows_are_learnt_from():
    time = np.random.default_rng(1).permutation(200)
    stopping = stopping_rows(dataset(t=time), np.arange(200), [0, 0])
    assert stopping.sum() == 30
    assert (~stopping)[time >= 150].sum() > 30


@pytest.mark.parametrize("n_rows", [2, 3, 7])
def test_of_few_rows_one_is_left_to_learn_from(n_rows):
    stopping = stopping_rows(dataset(), np.arange(n_rows), [0, 0])
    assert 1 <= stopping.sum() < n_rows


def weighted_fold():
    fold = synthetic_table(Task.BINARY).fold(
        LIGHT.encoding({}, synthetic_table(Task.BINARY).problem())
    )
    return replace(
        fold,
        weight_train=np.arange(1.0, len(fold.y_train) + 1),
        weight_valid=np.ones(len(fold.y_valid)),
    )


class Light:
    def encoding(self, params, problem):
        from automl.plugin import Encoding

        return Encoding()


LIGHT = Light()


def test_an_inner_fold_divides_the_training_rows_with_all_they_hold():
    fold = weighted_fold()
    stopping = np.arange(len(fold.y_train)) % 5 == 0
    inner = inner_fold(fold, stopping)
    np.testing.assert_array_equal(inner.X_train, fold.X_train[~stopping])
    np.testing.assert_array_equal(inner.X_valid, fold.X_train[stopping])
    np.testing.assert_array_equal(inner.y_valid, fold.y_train[stopping])
    np.testing.assert_array_equal(inner.weight_train, fold.weight_train[~stopping])
    np.testing.assert_array_equal(inner.weight_valid, fold.weight_train[stopping])
    assert inner.memo is not fold.memo
    assert inner.fold_cache_dir is None
    for array in (inner.X_train, inner.y_train, inner.X_valid, inner.y_valid):
        assert not array.flags.writeable


def test_a_fold_without_validation_keeps_its_training_rows_and_its_memo():
    fold = weighted_fold()
    bare = without_validation(fold)
    assert bare.X_train is fold.X_train
    assert bare.memo is fold.memo
    assert len(bare.X_valid) == len(bare.y_valid) == len(bare.weight_valid) == 0


def test_a_family_sees_the_validation_rows_only_where_it_logs_its_stages():
    fold, data = weighted_fold(), dataset(len(weighted_fold().y_train))
    train = np.arange(len(fold.y_train))
    shown = {}
    for way in ("staged", "inner", "none"):
        family = type("F", (), {"early_stopping": way})()
        shown[way] = fold_shown_to(family, fold, data, train, 0)
    assert shown["staged"] is fold
    assert len(shown["none"].y_valid) == 0
    assert len(shown["inner"].y_train) + len(shown["inner"].y_valid) == len(train)
