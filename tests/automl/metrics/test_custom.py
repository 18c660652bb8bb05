import pickle
import sys

import numpy as np
import pytest
from sklearn.metrics import make_scorer

from automl.errors import ConfigError
from automl.metrics import get_metric
from automl.metrics.custom import own_metric
from automl.plugin import Task

MODULE = """
import numpy as np
from automl.metrics import CATALOG

def share_right(y_true, y_pred):
    return np.mean(y_true == y_pred)

def weighted_error(y_true, y_pred, sample_weight=None):
    return np.average(np.abs(y_true - y_pred), weights=sample_weight)
weighted_error.greater_is_better = False
weighted_error.optimum = "median"

def mode_wrong(y_true, y_pred):
    return -np.mean(np.abs(y_true - y_pred))
mode_wrong.optimum = "mode"

def upside_down(y_true, y_pred):
    return np.mean(np.abs(y_true - y_pred))

def mean_true_probability(y_true, y_pred):
    return y_pred[np.arange(len(y_true)), y_true].mean()
mean_true_probability.needs = "probabilities"

def needs_wrong(y_true, y_pred):
    return 0.0
needs_wrong.needs = "logits"

def breaks(y_true, y_pred):
    raise KeyError("column")

def not_a_number(y_true, y_pred):
    return float("nan")

def too_wide(y_true, y_pred, quantiles, sample_weight=None):
    low, high = y_pred[:, 0], y_pred[:, -1]
    outside = np.maximum(low - y_true, 0) + np.maximum(y_true - high, 0)
    share = 1 - (quantiles[-1] - quantiles[0])
    return np.average(high - low + 2 / share * outside, weights=sample_weight)
too_wide.greater_is_better = False

ready = CATALOG["mae"]
number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "own_metrics.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "own_metrics"
    sys.modules.pop("own_metrics", None)


def test_a_function_of_labels_is_found_in_the_working_directory(module):
    before = list(sys.path)
    metric = get_metric(f"{module}:share_right", Task.BINARY)
    assert (metric.name, metric.needs, metric.greater_is_better) == (
        "own_metrics:share_right",
        "labels",
        True,
    )
    assert metric.score(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]])) == 0.5
    assert sys.path == before


def test_direction_and_weights_are_taken_from_the_function(module):
    metric = get_metric(f"{module}:weighted_error", Task.REGRESSION)
    assert metric.is_better(1.0, than=2.0)
    y_true, guess, weight = np.array([0.0, 0.0]), np.array([1.0, 3.0]), np.array([3.0, 1.0])
    assert metric.score(y_true, guess, weight) == 1.5
    assert metric.score(y_true, guess) == 2.0


def test_a_function_says_which_constant_is_its_best_prediction(module):
    assert get_metric(f"{module}:weighted_error", Task.REGRESSION).optimum == "median"
    with pytest.raises(ConfigError, match="optimum is 'mode'; it must be 'mean' or 'median'"):
        get_metric(f"{module}:mode_wrong", Task.REGRESSION)


def test_a_function_may_ask_for_probabilities(module):
    metric = get_metric(f"{module}:mean_true_probability", Task.MULTICLASS)
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert metric.score(np.array([0, 2]), p) == pytest.approx(0.65)


def test_a_function_of_quantiles_is_given_their_levels(module):
    metric = get_metric(f"{module}:too_wide", Task.QUANTILE, quantiles=(0.1, 0.9))
    y_true, prediction = np.array([1.0, 5.0]), np.array([[0.0, 2.0], [0.0, 4.0]])
    assert metric.score(y_true, prediction) == pytest.approx((2 + 4 + 2 / 0.2) / 2)


def test_a_metric_value_is_taken_as_it_is_where_it_fits_the_task(module):
    assert get_metric(f"{module}:ready", Task.REGRESSION).name == "mae"
    with pytest.raises(ConfigError, match="is for regression"):
        get_metric(f"{module}:ready", Task.BINARY)


def test_a_metric_of_ones_own_travels_to_a_process_that_can_import_it(module):
    metric = get_metric(f"{module}:share_right", Task.BINARY)
    assert pickle.loads(pickle.dumps(metric)) == metric


def test_a_loss_that_is_not_declared_as_one_is_refused_and_the_remedy_named(module):
    with pytest.raises(ConfigError, match=r"perfect prediction 0 .*greater_is_better = False"):
        get_metric(f"{module}:upside_down", Task.REGRESSION)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("own_metrics:share_rigth", "did you mean 'share_right'"),
        ("no_such_module:f", "'no_such_module' cannot be imported"),
        ("own_metrics:", "not of the form module:function"),
        ("own_metrics:number", "is a int, expected a function"),
        ("own_metrics:needs_wrong", "'labels' or 'probabilities'"),
        ("own_metrics:breaks", "KeyError"),
        ("own_metrics:not_a_number", "is nan"),
    ],
)
@pytest.mark.usefixtures("module")
def test_what_is_wrong_with_a_metric_of_ones_own_is_said(name, says):
    with pytest.raises(ConfigError, match=says):
        get_metric(name, Task.BINARY)


def test_a_second_parameter_that_is_named_like_a_probability_gets_probabilities(module, tmp_path):
    (tmp_path / "named_metrics.py").write_text(
        "def sure(y_true, y_proba):\n"
        "    return y_proba[range(len(y_true)), y_true].mean()\n"
        "def ordered(y_true, y_pred):\n"
        "    return (y_true * y_pred).sum()\n"
        "ordered.is_ranking = True\n"
    )
    assert get_metric("named_metrics:sure", Task.BINARY).needs == "probabilities"
    assert get_metric("named_metrics:ordered", Task.REGRESSION).is_ranking


@pytest.mark.parametrize("scorer", [False, True])
def test_the_old_name_of_an_attribute_is_refused_with_the_new_one(scorer):
    def ordered(y_true, y_pred):
        return float((y_true * y_pred).sum())

    ordered.ranks = True
    metric = make_scorer(ordered) if scorer else ordered
    with pytest.raises(ConfigError, match="'cost': its attribute ranks is called is_ranking now"):
        own_metric("cost", metric, Task.REGRESSION)


def test_what_a_function_raises_on_some_rows_is_the_reason_of_no_score(tmp_path, monkeypatch):
    (tmp_path / "picky_metrics.py").write_text(
        "def picky(y_true, y_pred):\n"
        "    if len(y_true) < 5:\n"
        "        raise ValueError('too few rows')\n"
        "    return (y_true == y_pred).mean()\n"
    )
    monkeypatch.chdir(tmp_path)
    metric = get_metric("picky_metrics:picky", Task.BINARY)
    score, reason = metric.evaluate(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert np.isnan(score)
    assert reason == "ValueError: too few rows"
