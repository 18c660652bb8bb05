"""What out-of-fold predictions on disk are worth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.split.choose import make_split_plan
from automl.metrics import get_metric
from automl.store.run_dir import RunDir
from automl.trial.spec import TrialSpec
from automl.tuning.incumbent.oof_store import OofStore, judged_rows
from automl.tuning.trials.trial import Trial

N_ROWS = 60


def make_evidence(path, metric, repeats=1, **columns):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=N_ROWS), "y": np.arange(N_ROWS) % 2} | columns)
    dataset = load_dataset(frame, target="y", folds_column="f" if "f" in columns else None)
    folds = None if "f" in columns else 3
    plan = make_split_plan(dataset, seed=0, folds=folds, repeats=repeats)
    return OofStore(RunDir(path), dataset, plan, get_metric(metric, dataset.target.task))


def complete(evidence, predict):
    """A trial whose folds are on disk: ``predict(fold, rows)`` gives the probability of class 1."""
    spec = TrialSpec("a", 0, {})
    for fold, division in enumerate(evidence.plan.splits):
        path = evidence.run.oof(spec.trial_id, fold)
        path.parent.mkdir(parents=True)
        p = predict(fold, np.asarray(division.valid))
        np.save(path, np.column_stack([1 - p, p]))
    return Trial(spec, 0, tuple(range(evidence.plan.n_folds)), 0.0)


def shifted(evidence):
    """Models that order their own rows perfectly, each at another height."""
    y = evidence.dataset.y

    def predict(fold, rows):
        return 0.4 * y[rows] + 0.2 * np.random.default_rng([fold, 1]).random() + 0.1 * (fold % 3)

    return predict


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_rows_are_ranked_within_the_folds_of_each_repeat(tmp_path, repeats):
    evidence = make_evidence(tmp_path, "roc_auc", repeats)

    def half(fold, rows):
        p = shifted(evidence)(fold, rows)
        return p if fold < 3 else 1 - p  # perfect in the first repeat, upside down in the others

    score = evidence.add(complete(evidence, half))
    assert score == pytest.approx(1 / repeats)


def test_the_ensemble_of_a_ranking_metric_gets_predictions_of_one_model_a_row(tmp_path):
    evidence = make_evidence(tmp_path, "roc_auc", 2)
    trial = complete(evidence, shifted(evidence))
    evidence.add(trial)
    first = np.load(evidence.run.oof(trial.spec.trial_id, 0))
    oof = evidence.oof[trial.spec.trial_id][evidence.plan.splits[0].valid]
    np.testing.assert_allclose(oof, first)


def test_all_repeats_are_judged_and_the_interval_is_of_that_score(tmp_path):
    evidence = make_evidence(tmp_path, "roc_auc", 2)

    def half(fold, rows):
        p = shifted(evidence)(fold, rows)
        return p if fold < 3 else np.random.default_rng(fold).random(len(rows))

    trial = complete(evidence, half)
    score = evidence.add(trial)
    oof = evidence.oof[trial.spec.trial_id]
    assert len(oof) == 2 * N_ROWS
    last = np.load(evidence.run.oof(trial.spec.trial_id, 5))
    np.testing.assert_allclose(oof[N_ROWS + evidence.plan.splits[5].valid], last)
    low, high = trial.interval
    assert low < score < high < 1.0
    assert 0.7 < score < 0.8


def test_predictions_out_of_bag_are_judged_in_every_repeat(tmp_path):
    evidence = make_evidence(tmp_path, "roc_auc", 2)
    path = evidence.run.oof("a-0", -1)
    path.parent.mkdir(parents=True)
    p = np.random.default_rng(0).random(N_ROWS)
    np.save(path, np.column_stack([1 - p, p]))
    trial = Trial(TrialSpec("a", 0, {}), 0, (-1,), 0.0)
    folds = [[evidence.plan.splits[f].valid for f in fs] for fs in evidence.plan.repeats]
    y, shown = evidence.dataset.y, np.column_stack([1 - p, p])
    means = [
        np.average([evidence.metric.score(y[v], shown[v]) for v in vs], weights=list(map(len, vs)))
        for vs in folds
    ]
    assert evidence.add(trial) == pytest.approx(np.mean(means))


def test_other_metrics_get_the_mean_of_the_repeats(tmp_path):
    evidence = make_evidence(tmp_path, "log_loss", 2)
    trial = complete(evidence, lambda fold, rows: np.full(len(rows), 0.2 if fold < 3 else 0.6))
    score = evidence.add(trial)
    np.testing.assert_allclose(evidence.oof[trial.spec.trial_id][:, 1], 0.4)
    assert score == pytest.approx(-np.mean([np.log(0.4), np.log(0.6)]))


def test_rows_that_always_train_are_in_no_score(tmp_path):
    fold = np.arange(N_ROWS) // 4 % 3 - 1
    evidence = make_evidence(tmp_path, "accuracy", f=fold)
    trial = complete(evidence, lambda _, rows: evidence.dataset.y[rows].astype(float))
    assert evidence.add(trial) == 1.0
    oof = evidence.oof[trial.spec.trial_id]
    assert np.isnan(oof[fold < 0]).all()
    assert np.isfinite(oof[fold >= 0]).all()


def test_a_fold_of_one_class_is_left_out_of_the_score_and_still_tells_trials_apart(tmp_path):
    fold = 1 + np.arange(N_ROWS) // 2 % 2
    fold[1::6] = 0  # rows of class 1 alone
    evidence = make_evidence(tmp_path, "roc_auc", f=fold)
    assert len(set(evidence.dataset.y[evidence.first_rows])) == 1
    good = complete(evidence, shifted(evidence))
    assert evidence.add(good) == pytest.approx(1.0)
    rows, prediction = evidence.first_fold(good)
    loss = evidence.loss(rows, prediction)
    assert np.isfinite(loss)
    assert loss > evidence.loss(rows, np.eye(2)[evidence.dataset.y[rows]])


def test_predictions_without_a_score_are_not_kept(tmp_path):
    evidence = make_evidence(tmp_path, "accuracy")
    trial = complete(evidence, lambda _, rows: np.full(len(rows), np.nan))
    assert np.isnan(evidence.add(trial))
    assert evidence.complete == {}


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
