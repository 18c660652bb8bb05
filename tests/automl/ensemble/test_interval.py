from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from automl.ensemble.interval import (
    KAPPA,
    bootstrap_error,
    confidence_interval,
    estimate,
    fold_factor,
    t_95,
)
from automl.metrics import CATALOG


def test_the_error_of_a_mean_is_the_one_of_the_textbook():
    values = np.random.default_rng(0).normal(size=400)
    found = estimate(CATALOG["mae"], values, np.zeros(400))
    assert found.error == pytest.approx(np.abs(values).std(ddof=1) / 20)
    drawn = bootstrap_error(lambda rows: values[rows].mean(), 400)
    assert drawn == pytest.approx(values.std() / 20, rel=0.2)


def with_own_error(metric):
    """The same metric by a function that has no closed form."""

    def function(*arguments):
        return metric.function(*arguments)

    return replace(metric, function=function)


def two_classes(n_rows=600, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_rows)
    p = 1 / (1 + np.exp(-(2 * y - 1 + 1.5 * rng.normal(size=n_rows))))
    return y, np.c_[1 - p, p]


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "accuracy", "f1", "mcc"])
def test_the_closed_form_agrees_with_the_bootstrap(name):
    y, shown = two_classes()
    rng = np.random.default_rng(1)
    facts = {
        "fold": rng.integers(0, 5, 600),
        "weight": rng.uniform(0.2, 2, 600),
        "group": np.arange(600) // 3,
    }
    closed = estimate(CATALOG[name], y, shown, **facts)
    drawn = estimate(with_own_error(CATALOG[name]), y, shown, **facts)
    assert closed.score == drawn.score
    assert closed.error == pytest.approx(drawn.error, rel=0.25)


def test_of_many_rows_a_part_is_drawn_and_the_error_scaled():
    values = np.random.default_rng(0).normal(size=40_000)
    drawn = []

    def mean(rows):
        drawn.append(len(rows))
        return values[rows].mean()

    assert bootstrap_error(mean, 40_000) == pytest.approx(values.std() / 200, rel=0.2)
    assert max(drawn) == 10_000


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "balanced_accuracy"])
def test_a_metric_with_a_closed_form_is_computed_once(name):
    """Every trial has an interval, so it must not cost hundreds of scorings."""
    y, shown = two_classes(20_000)
    metric, scorings = CATALOG[name], []

    class Counted:
        is_ranking, needs, bounds, quantiles = metric.is_ranking, metric.needs, metric.bounds, ()
        function = staticmethod(metric.function)

        def score_folds(self, *arguments):
            scorings.append(arguments)
            return metric.score_folds(*arguments)

    assert estimate(Counted(), y, shown, fold=np.arange(20_000) % 5) is not None
    assert len(scorings) == 1


def test_rows_of_a_group_are_drawn_together():
    group = np.repeat(np.arange(40), 25)
    values = np.random.default_rng(0).normal(size=40)[group]
    for metric in (CATALOG["mae"], with_own_error(CATALOG["mae"])):
        alone = estimate(metric, values, np.zeros(1000))
        together = estimate(metric, values, np.zeros(1000), group=group)
        assert together.error == pytest.approx(5 * alone.error, rel=0.3)


def test_rows_without_weight_do_not_make_a_score_surer():
    y, shown = two_classes()
    weight = np.repeat([1.0, 0.0], 300)
    half = estimate(CATALOG["log_loss"], y[:300], shown[:300])
    weighed = estimate(CATALOG["log_loss"], y, shown, weight=weight)
    assert weighed.error == pytest.approx(half.error, rel=0.01)


def test_a_few_rows_or_groups_tell_no_error():
    y, shown = two_classes(100)
    metric = CATALOG["log_loss"]
    assert estimate(metric, y[:9], shown[:9]) is None
    assert estimate(metric, y, shown, group=np.arange(100) % 9) is None
    assert bootstrap_error(lambda rows: 0.0, 9) is None
    assert bootstrap_error(lambda rows: 0.0, 100, np.arange(100) % 9) is None


def test_a_score_that_is_never_a_number_has_no_error():
    assert bootstrap_error(lambda rows: float("nan"), 100) is None
    broken = replace(CATALOG["mae"], function=lambda *a: float("nan"))
    assert estimate(broken, np.zeros(100), np.zeros(100)) is None


def test_models_of_folds_make_a_score_less_sure_and_a_holdout_does_not():
    y, shown = two_classes()
    metric = CATALOG["log_loss"]
    holdout = estimate(metric, y, shown, fold=np.zeros(600, dtype=int))
    folds = estimate(metric, y, shown, fold=np.arange(600) % 5)
    assert folds.error == pytest.approx(holdout.error * fold_factor(5))
    assert fold_factor(5) > fold_factor(10) > 1.2
    assert fold_factor(1) == 1.0
    assert fold_factor(5, kappa=1.0) == pytest.approx(1.5)


def test_the_interval_stays_inside_the_bounds_of_the_metric():
    assert confidence_interval(0.5, 0.1) == pytest.approx((0.304, 0.696), abs=1e-4)
    low, high = confidence_interval(0.97, 0.02, (0.0, 1.0))
    assert 0.85 < low < 0.93 < 0.98 < high < 1.0
    low, high = confidence_interval(1.0, 0.5, (0.0, np.inf))
    assert low == pytest.approx(1 / high)
    low, high = confidence_interval(0.9, 0.05, (-np.inf, 1.0))
    assert low < 0.8 < 0.96 < high < 1.0
    low, high = confidence_interval(0.0, 0.1, (-1.0, 1.0))
    assert low == pytest.approx(-high)


def test_a_perfect_score_of_few_rows_is_not_sure():
    low, high = confidence_interval(1.0, 0.0, (0.0, 1.0), n_units=20)
    assert 0.5 < low < 0.9
    assert high == 1.0
    assert confidence_interval(1.0, 0.0, (0.0, 1.0), n_units=20_000)[0] > 0.999
    y = np.arange(40) % 2
    assert estimate(CATALOG["roc_auc"], y, np.eye(2)[y]).low < 0.98


@pytest.mark.parametrize("freedom", [4, 9, 30, 1000])
def test_few_groups_widen_the_interval_as_student_says(freedom):
    assert t_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01)


def test_a_few_rows_that_decide_make_the_error_itself_unsure():
    """5 rows of a class among 1,000: the interval is not that of 1,000 rows."""
    rng = np.random.default_rng(0)
    y = (np.arange(1000) % 200 == 0).astype(int)
    p = rng.normal(size=1000) + y
    found = estimate(CATALOG["roc_auc"], y, np.c_[-p, p])
    odds = [s / (1 - s) for s in (found.low, found.score, found.high)]
    reach = np.log(odds[2] / odds[1]) * found.score * (1 - found.score) / found.error
    assert reach > 2.15  # standard errors; 1.96 for many rows


@pytest.mark.parametrize(("n_rows", "name"), [(100, "accuracy"), (1000, "accuracy"), (60, "mse")])
def test_nineteen_of_twenty_intervals_hold_the_truth(n_rows, name):
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        if name == "accuracy":
            right = (rng.random(n_rows) < 0.9).astype(int)
            found = estimate(CATALOG[name], np.ones(n_rows, dtype=int), np.eye(2)[right])
            held += found.low <= 0.9 <= found.high
        else:
            found = estimate(CATALOG[name], rng.normal(size=n_rows), np.zeros(n_rows))
            held += found.low <= 1.0 <= found.high
    assert 275 <= held <= 296


def cross_validated_noise(seed, n_rows=150, n_columns=12):
    """Out-of-fold predictions of a linear model that has nothing to learn: its AUC is 0.5."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n_rows, n_columns)), rng.permutation(np.arange(n_rows) % 2)
    fold, shown = rng.permutation(n_rows) % 5, np.empty((n_rows, 2))
    for number in range(5):
        seen, unseen = fold != number, fold == number
        centred = x[seen] - x[seen].mean(axis=0)
        slopes = np.linalg.lstsq(centred, y[seen] - y[seen].mean(), rcond=None)[0]
        shown[unseen] = np.c_[-x[unseen] @ slopes, x[unseen] @ slopes]
    return y, shown, fold


def test_intervals_of_cross_validated_fits_hold_the_truth_and_those_of_rows_alone_do_not():
    held = {0.0: 0, KAPPA: 0}
    for seed in range(200):
        y, shown, fold = cross_validated_noise(seed)
        for kappa in held:
            found = estimate(CATALOG["roc_auc"], y, shown, fold=fold, kappa=kappa)
            held[kappa] += found.low <= 0.5 <= found.high
    assert held[0.0] < 180 <= held[KAPPA] <= 198


@pytest.mark.parametrize("bounds", [(0.0, np.inf), (-np.inf, 1.0), (0.0, 1.0)])
def test_an_error_that_is_far_larger_than_the_score_still_has_an_interval(bounds):
    score = 1.0 - 1e-9 if bounds[1] == 1.0 else 1e-9
    low, high = confidence_interval(score, 1e3, bounds)
    assert bounds[0] <= low <= score <= high <= bounds[1]
