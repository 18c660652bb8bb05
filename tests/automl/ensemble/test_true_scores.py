"""The score of out-of-fold predictions is that of new rows, whatever rows and weights are like.

Models are scikit-learn's, fitted on the folds of our split plans; new rows are many. An error of a
mean over seeds is its own standard error over the seeds.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from automl.data import load_dataset
from automl.data.split.choose import make_split_plan
from automl.ensemble import estimate
from automl.metrics import get_metric

N_NEW = 8_000
METRICS = ("roc_auc", "log_loss", "average_precision", "brier")


def sample(n_rows, rng, slope=1.0, base=0.0, shift=0.0):
    x = rng.normal(size=(n_rows, 3)) + shift
    p = 1 / (1 + np.exp(-(slope * x[:, 0] + base)))
    return x, (rng.random(n_rows) < p).astype(int)


def dataset_of(x, y, weight=None, group=None):
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=y)
    frame = frame if weight is None else frame.assign(w=weight)
    frame = frame if group is None else frame.assign(g=group)
    return load_dataset(
        frame,
        target="y",
        weight=None if weight is None else "w",
        group=None if group is None else "g",
    )


class Said:
    """Out-of-fold predictions of one model on the folds of our plan, and what is said of them."""

    def __init__(self, make, x, dataset, seed, folds=5, repeats=1):
        self.dataset = dataset
        self.plan = make_split_plan(dataset, seed=seed, folds=folds, repeats=repeats)
        self.models = []
        self.oof = np.full((len(dataset.y), 2), np.nan)
        for division in self.plan.splits:
            train, valid = division.train, division.valid
            weight = None if dataset.weight is None else dataset.weight[train]
            options = {} if weight is None else {"sample_weight": weight}
            model = make().fit(x[train], dataset.y[train], **options)
            self.models.append(model)
            self.oof[valid] = model.predict_proba(x[valid])

    def score(self, name, rows=slice(None)):
        y, weight, fold = self.dataset.y[rows], self.dataset.weight, self.plan.fold_of_row[rows]
        metric = get_metric(name, self.dataset.target.task)
        of_rows = None if weight is None else weight[rows]
        return metric.score_folds(y, self.oof[rows], fold, of_rows)

    def new(self, name, x, y, weight=None):
        """Mean score of the models of the folds on new rows."""
        metric = get_metric(name, self.dataset.target.task)
        return np.mean([metric.score(y, m.predict_proba(x), weight) for m in self.models])


def assert_no_bias(differences, at_most=4.0):
    """The mean of differences is 0 within so many of its standard errors."""
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) < at_most * error, (np.mean(differences), error)


def compared(said, new):
    """What is said less the score on new rows, by metric."""
    return {name: said.score(name) - said.new(name, *new) for name in METRICS}


@pytest.fixture(scope="module")
def drawn_unevenly():
    found = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        x, y = sample(1_500, rng, slope=1.5)
        kept = np.where(x[:, 0] > 0.5, 1.0, 0.1)  # what is rare in the sample weighs more
        drawn = rng.random(len(y)) < kept
        data = dataset_of(x[drawn], y[drawn], weight=1 / kept[drawn])
        said = Said(LogisticRegression, x[drawn], data, seed)
        found.append(compared(said, sample(N_NEW, rng, slope=1.5)))
    return pd.DataFrame(found)


@pytest.mark.parametrize("name", METRICS)
def test_rows_that_are_drawn_unevenly_and_weighted_back_score_like_all(drawn_unevenly, name):
    assert_no_bias(drawn_unevenly[name])


def test_without_the_weights_the_same_rows_score_otherwise():
    rng = np.random.default_rng(0)
    x, y = sample(4_000, rng, slope=2.0)
    weight = np.where(x[:, 0] > 1, 20.0, 1.0)
    weighted = Said(LogisticRegression, x, dataset_of(x, y, weight=weight), 0)
    plain = Said(LogisticRegression, x, dataset_of(x, y), 0)
    assert abs(weighted.score("log_loss") - plain.score("log_loss")) > 0.05


@pytest.fixture(scope="module")
def one_in_ten_thousand():
    """The model is known, so that 10 rows of the rare class a table are enough."""
    found, y = [], np.zeros(100_000, dtype=np.int64)
    y[::10_000] = 1
    data = dataset_of(np.random.default_rng(0).normal(size=(len(y), 3)), y)
    plan = make_split_plan(data, seed=0, folds=5)
    assert [y[d.valid].sum() for d in plan.splits] == [2] * 5
    new = np.tile(y, 20)
    truth = signal(new, np.random.default_rng(99))
    for name in METRICS:
        metric = get_metric(name, data.target.task)
        true = metric.score(new, truth)
        for seed in range(16):
            said = metric.score_folds(y, signal(y, np.random.default_rng(seed)), plan.fold_of_row)
            found.append((name, said - true))
    return pd.DataFrame(found, columns=["metric", "difference"]).groupby("metric").difference


@pytest.mark.parametrize("name", METRICS)
def test_one_row_in_ten_thousand_is_scored_like_new_rows(one_in_ten_thousand, name):
    found = one_in_ten_thousand.get_group(name)
    if name == "average_precision":  # a ratio: of 2 rows a fold it is too high, and never too low
        assert 0 < found.mean() < 0.1
    else:
        assert_no_bias(found)


def signal(y, rng):
    """Calibrated probabilities from a value that lies 2 standard deviations higher for class 1."""
    value = rng.normal(size=len(y)) + 2.0 * y
    odds = np.log(1e-4) + 2.0 * value - 2.0
    p = 1 / (1 + np.exp(-odds))
    return np.column_stack([1 - p, p])


@pytest.fixture(scope="module")
def groups():
    """Differences by split: whole groups, and rows by chance."""
    found = {"whole": [], "parted": []}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x, y, group = grouped(120, rng)
        x_new, y_new, _ = grouped(400, rng)
        for split, data in {
            "whole": dataset_of(x, y, group=group),
            "parted": dataset_of(x, y),
        }.items():
            said = Said(lambda: KNeighborsClassifier(15), x, data, seed)
            found[split].append(compared(said, (x_new, y_new)))
    return {split: pd.DataFrame(rows) for split, rows in found.items()}


def grouped(n_groups, rng):
    """Rows of a group share what the columns hold, and most of the label."""
    x, y = sample(n_groups, rng)
    group = np.repeat(np.arange(n_groups), 5)
    noise = rng.random(len(group)) < 0.1
    near = x[group] + 0.05 * rng.normal(size=(len(group), 3))
    return near, np.where(noise, 1 - y[group], y[group]), group


@pytest.mark.parametrize("name", METRICS)
def test_whole_groups_are_scored_like_rows_of_new_groups(groups, name):
    assert_no_bias(groups["whole"][name])
    with pytest.raises(AssertionError):  # copies on both sides of a plain split are found out
        assert_no_bias(groups["parted"][name])


def test_repeated_rows_count_like_weights_where_copies_stay_together():
    rng = np.random.default_rng(3)
    x, y = sample(200, rng)
    times = rng.integers(1, 4, 200)
    copies = np.repeat(np.arange(200), times)
    data = dataset_of(x[copies], y[copies], group=copies)
    repeated = Said(LogisticRegression, x[copies], data, 0)
    fold = repeated.plan.fold_of_row[np.cumsum(times) - 1]
    one = repeated.oof[np.cumsum(times) - 1]
    for name in METRICS:
        metric = get_metric(name, data.target.task)
        weighted = metric.score_folds(y, one, fold, times.astype(float))
        assert repeated.score(name) == pytest.approx(weighted, rel=1e-9)


@pytest.mark.parametrize("kind", ["plain", "weights", "groups", "rare"])
def test_the_interval_holds_the_score_on_new_rows(kind):
    held = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        base = -2.5 if kind == "rare" else 0.0
        x, y = sample(300, rng, slope=1.5, base=base)
        weight = rng.uniform(0.2, 3.0, 300) if kind == "weights" else None
        group = np.arange(300) // 3 if kind == "groups" else None
        said = Said(LogisticRegression, x, dataset_of(x, y, weight, group), seed)
        found = estimate(
            get_metric("roc_auc", said.dataset.target.task),
            said.dataset.y,
            said.oof,
            weight=said.dataset.weight,
            group=said.dataset.group,
            fold=said.plan.fold_of_row,
        )
        held += (
            found.low
            <= said.new("roc_auc", *sample(N_NEW, rng, slope=1.5, base=base))
            <= found.high
        )
    assert held >= 7  # of 10 intervals of 90 %: fewer come by chance once in 80
