import pickle
import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from automl.errors import ConfigError
from automl.metrics import CATALOG, default_metric, get_metric, metric_names
from automl.plugin import Metric, Task

EXAMPLE = {
    Task.BINARY: np.array([0, 1, 1, 0, 1]),
    Task.MULTICLASS: np.array([0, 1, 2, 2, 1]),
    Task.REGRESSION: np.array([1.0, 2.0, 3.0, 5.0, 8.0]),
    Task.QUANTILE: np.array([1.0, 2.0, 3.0, 5.0, 8.0]),
}
LEVELS = (0.1, 0.9)


def probabilities(labels, n_classes):
    return np.eye(n_classes)[labels] * 0.9 + 0.1 / n_classes


def predictions(task):
    y_true = EXAMPLE[task]
    if task is Task.REGRESSION:
        return y_true, y_true[::-1].copy()
    if task is Task.QUANTILE:
        return np.c_[y_true, y_true], np.c_[y_true, y_true][::-1]
    n_classes = 2 if task is Task.BINARY else 3
    return probabilities(y_true, n_classes), probabilities(1 - y_true % 2, n_classes)


def found(name, task):
    return get_metric(name, task, quantiles=LEVELS if task is Task.QUANTILE else ())


@pytest.mark.parametrize("name", CATALOG)
def test_each_metric_prefers_a_perfect_prediction_on_each_of_its_tasks(name):
    for task in CATALOG[name].tasks:
        metric = found(name, task)
        perfect, wrong = (metric.score(EXAMPLE[task], p) for p in predictions(task))
        assert metric.is_better(perfect, wrong)
        assert metric.bounds[0] <= min(perfect, wrong) <= max(perfect, wrong) <= metric.bounds[1]


@pytest.mark.parametrize("name", CATALOG)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_row_of_weight_two_counts_as_the_row_twice_and_one_of_weight_zero_not_at_all(name, seed):
    rng = np.random.default_rng(seed)
    n_rows, times = 30, rng.integers(0, 4, 30)
    times[:4] = 1  # of each class there is one
    for task in CATALOG[name].tasks:
        metric = found(name, task)
        if task.is_classification:
            n_classes = 2 if task is Task.BINARY else 4
            y_true = np.arange(n_rows) % n_classes
            prediction = rng.integers(1, 6, (n_rows, n_classes)) / 8.0
            prediction /= prediction.sum(axis=1, keepdims=True)
        else:
            y_true = np.round(rng.lognormal(size=n_rows), 1) + 0.1
            shape = (n_rows, 2) if task is Task.QUANTILE else (n_rows,)
            prediction = np.round(rng.lognormal(size=shape), 1)
        weighted = metric.score(y_true, prediction, times.astype(np.float64))
        repeated = metric.score(np.repeat(y_true, times), np.repeat(prediction, times, axis=0))
        assert weighted == pytest.approx(repeated, rel=1e-9, abs=1e-12)
        relative = metric.score(y_true, prediction, times * 0.37)
        assert relative == pytest.approx(weighted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", CATALOG)
def test_rows_that_all_weigh_nothing_have_no_score_and_neither_have_none(name):
    for task in CATALOG[name].tasks:
        y_true, wrong, metric = EXAMPLE[task], predictions(task)[1], found(name, task)
        score, reason = metric.evaluate(y_true, wrong, np.zeros(len(y_true)))
        assert np.isnan(score)
        assert reason == "all 5 rows have weight 0"
        score, reason = metric.evaluate(y_true[:0], wrong[:0])
        assert np.isnan(score)
        assert reason == "there is no row to score"


DEGENERATE = {
    "classes": {
        "one row": [0],
        "first class": [0, 0, 0, 0],
        "second class": [1, 1, 1, 1],
        "one row of the second": [1],
    },
    "values": {
        "one row": [2.5],
        "constant": [2.5, 2.5, 2.5],
        "zeros": [0.0, 0.0, 0.0],
        "one zero": [0.0],
        "zeros and ones": [0.0, 1.0, 0.0],
        "below -1": [-3.0, 1.0, 2.0],
    },
}


def guesses(task, y_true):
    """Several predictions, from perfect to worse than none."""
    rng = np.random.default_rng(0)
    if not task.is_classification:
        values = [y_true, y_true + 1, y_true * 0 + 3, rng.normal(size=len(y_true)), -5 + 0 * y_true]
        return [np.c_[v, v] for v in values] if task is Task.QUANTILE else values
    n_classes = 2 if task is Task.BINARY else 3
    labels = [y_true, 1 - y_true, 0 * y_true, 0 * y_true + 1, rng.integers(0, 2, len(y_true))]
    return [probabilities(chosen, n_classes) for chosen in labels]


@pytest.mark.parametrize("name", CATALOG)
def test_a_score_that_no_prediction_can_change_is_none_and_any_other_a_number(name):
    for task in CATALOG[name].tasks:
        metric = found(name, task)
        for case in DEGENERATE["classes" if task.is_classification else "values"].values():
            y_true = np.array(case)
            scored = [metric.evaluate(y_true, guess) for guess in guesses(task, y_true)]
            reasons = {reason for _, reason in scored}
            assert len(reasons) == 1
            if reasons == {""}:
                assert np.isfinite([score for score, _ in scored]).all()
                assert len({round(score, 9) for score, _ in scored}) > 1, (task, case)
            else:
                assert all(np.isnan(score) for score, _ in scored)
                assert reasons == {metric.undefined_reason(y_true)}


@pytest.mark.parametrize("name", CATALOG)
def test_a_row_of_weight_zero_gives_no_value_to_a_score_that_has_none(name):
    for task in CATALOG[name].tasks:
        metric, y_true = found(name, task), EXAMPLE[task].copy()
        same = y_true[:1].repeat(3)
        without = metric.undefined_reason(same)
        weight = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
        assert metric.undefined_reason(np.append(same, y_true[1:3]), weight) == without


@pytest.mark.parametrize("name", CATALOG)
def test_each_metric_travels_to_another_process(name):
    assert pickle.loads(pickle.dumps(CATALOG[name])) == CATALOG[name]


@pytest.mark.parametrize(
    "name", [name for name in metric_names(Task.REGRESSION) if name not in ("medae", "rmsle")]
)
def test_the_declared_optimum_scores_better_than_the_other_statistic(name):
    metric = get_metric(name, Task.REGRESSION)
    y = np.array([3.0, 4.0, 4.0, 5.0, 30.0])
    scores = {
        "mean": metric.score(y, np.full(5, y.mean())),
        "median": metric.score(y, np.full(5, np.median(y))),
    }
    best = scores.pop(metric.optimum)
    assert all(metric.is_better(best, than=other) for other in scores.values())


def test_families_fit_to_absolute_errors_for_these_metrics():
    found = {name for name, metric in CATALOG.items() if metric.optimum == "median"}
    assert found == {"mae", "mape", "medae", "pinball", "smape"}


def test_the_default_follows_from_the_task():
    assert [default_metric(task).name for task in Task] == [
        "roc_auc",
        "log_loss",
        "rmse",
        "pinball",
    ]


def test_an_unknown_name_gives_the_nearest_and_all_that_fit():
    with pytest.raises(ConfigError) as error:
        get_metric("roc_acu", Task.BINARY)
    assert "'roc_acu'" in str(error.value)
    assert "did you mean 'roc_auc'" in str(error.value)
    assert all(name in str(error.value) for name in metric_names(Task.BINARY))
    assert "rmse" not in str(error.value)


def test_a_metric_of_another_task_is_refused_with_those_that_fit():
    with pytest.raises(ConfigError, match=r"'f1' is for binary.*multiclass task.* f1_macro"):
        get_metric("f1", Task.MULTICLASS)


def test_a_metric_of_a_plugin_is_found():
    own = Metric(
        "gain", True, "values", (0, 1), frozenset({Task.REGRESSION}), CATALOG["r2"].function
    )
    assert get_metric("gain", Task.REGRESSION, {"gain": own}) is own
    assert metric_names(Task.REGRESSION, {"gain": own})[-1] == "gain"


def test_the_catalog_needs_neither_scikit_learn_nor_scipy():
    code = (
        "import sys, automl.metrics; "
        "print([m for m in ('sklearn', 'scipy', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
