"""How rows are judged where the folds are repeated."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.split.choose import make_split_plan
from automl.metrics import get_metric
from automl.tuning.incumbent.oof_store import judged_rows


def run_of(metric, repeats, **columns):
    n_rows = 40
    frame = pd.DataFrame({"a": np.linspace(0, 1, n_rows), "y": np.arange(n_rows) % 2} | columns)
    dataset = load_dataset(frame, target="y")
    plan = make_split_plan(dataset, seed=0, folds=4, repeats=repeats)
    return dataset, plan, get_metric(metric, dataset.target.task)


@pytest.mark.parametrize(("metric", "repeats"), [("roc_auc", 1), ("log_loss", 3)])
def test_rows_are_judged_once_without_repeats_or_where_nothing_is_ranked(metric, repeats):
    dataset, plan, metric = run_of(metric, repeats)
    judged = judged_rows(plan, dataset, metric)
    assert judged.repeat is None
    np.testing.assert_array_equal(judged.fold, plan.fold_of_row)
    np.testing.assert_array_equal(judged.y, dataset.y)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_ranks_are_judged_in_each_repeat_by_its_own_folds(metric):
    dataset, plan, metric = run_of(metric, 3)
    weighted = replace(dataset, weight=np.arange(40) + 1.0)
    judged = judged_rows(plan, weighted, metric)
    assert len(judged.y) == 120
    for repeat, numbers in enumerate(plan.repeats):
        rows = np.flatnonzero(judged.repeat == repeat)
        np.testing.assert_array_equal(judged.y[rows], dataset.y)
        np.testing.assert_array_equal(judged.weight[rows], weighted.weight)
        np.testing.assert_array_equal(judged.group[rows], np.arange(40))  # one draw each
        for number in numbers:
            inside = rows[judged.fold[rows] == number] - 40 * repeat
            np.testing.assert_array_equal(inside, plan.splits[number].valid)


def test_groups_stay_together_over_the_repeats():
    dataset, plan, metric = run_of("roc_auc", 2)
    grouped = replace(dataset, group=np.arange(40) // 4)
    judged = judged_rows(plan, grouped, metric)
    np.testing.assert_array_equal(judged.group, np.tile(np.arange(40) // 4, 2))
