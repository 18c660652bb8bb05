"""Functions of scikit-learn as the metric of a run."""

import inspect
from functools import partial

import numpy as np
import pytest
import sklearn.metrics as sk

from automl.errors import ConfigError
from automl.metrics import get_metric
from automl.metrics.scikit import scikit_metric
from automl.plugin import Task

TASKS = (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)
FUNCTIONS = sorted(n for n in sk.__all__ if inspect.isfunction(getattr(sk, n)))


def usable(name):
    """The metric of each task that takes it."""
    found = {}
    for task in TASKS:
        try:
            found[task] = get_metric(f"sklearn.metrics:{name}", task)
        except ConfigError:
            continue
    return found


def scorers():
    """Function, direction and kind of prediction of every scorer."""
    for name in sk.get_scorer_names():
        shown = repr(sk.get_scorer(name))
        function = shown.removeprefix("make_scorer(").partition(",")[0]
        predicts = "response_method='predict'" in shown
        yield function, "greater_is_better=False" not in shown, predicts


def test_every_function_with_a_scorer_has_its_direction_and_its_kind_of_prediction():
    seen = set()
    for name, greater_is_better, predicts in scorers():
        if not hasattr(sk, name):
            continue
        for metric in usable(name).values():
            seen.add(name)
            assert metric.greater_is_better == greater_is_better
            assert (metric.needs == "probabilities") != predicts
    assert len(seen) >= 25


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_scores_something_or_is_refused_in_one_line(name):
    for task in TASKS:
        if task in usable(name):
            is_loss = name.endswith(("_error", "_loss", "_deviance"))
            assert usable(name)[task].greater_is_better == (not is_loss)
            continue
        with pytest.raises(ConfigError, match=f"sklearn.metrics:{name}"):
            get_metric(f"sklearn.metrics:{name}", task)


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("roc_auc_score", "probabilities"),
        ("average_precision_score", "probabilities"),
        ("log_loss", "probabilities"),
        ("brier_score_loss", "probabilities"),
        ("accuracy_score", "labels"),
        ("f1_score", "labels"),
        ("cohen_kappa_score", "labels"),
        ("hamming_loss", "labels"),
        ("zero_one_loss", "labels"),
    ],
)
def test_two_classes_are_scored_like_scikit_learn_does_it(name, needs):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 60), rng.random(60)
    weight = rng.uniform(0.5, 2, 60)
    metric = get_metric(f"sklearn.metrics:{name}", Task.BINARY)
    assert metric.needs == needs
    shown = p if needs == "probabilities" else (p > 0.5).astype(int)
    expected = getattr(sk, name)(y, shown, sample_weight=weight)
    assert metric.score(y, np.c_[1 - p, p], weight) == pytest.approx(expected)


def test_several_classes_may_lack_one_in_the_rows_that_are_scored():
    y, p = np.array([0, 1, 0, 1]), np.array([[0.5, 0.3, 0.2]] * 4)
    metric = get_metric("sklearn.metrics:log_loss", Task.MULTICLASS)
    assert metric.score(y, p) == pytest.approx(-np.mean(np.log([0.5, 0.3, 0.5, 0.3])))
    ranked = get_metric("sklearn.metrics:top_k_accuracy_score", Task.MULTICLASS)
    assert ranked.score(y, p) == 1.0


def test_an_area_is_computed_within_folds_and_has_no_value_for_one_class():
    metric = get_metric("sklearn.metrics:roc_auc_score", Task.BINARY)
    assert metric.is_ranking
    assert "one class" in metric.undefined_reason(np.ones(5, dtype=np.int64))


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("r2_score", [2.0, 2.0]),
        ("mean_absolute_percentage_error", [0.0, 2.0]),
        ("mean_squared_log_error", [-2.0, 2.0]),
        ("mean_gamma_deviance", [-1.0, 2.0]),
    ],
)
def test_values_that_a_function_is_not_made_for_have_no_score(name, y):
    metric = get_metric(f"sklearn.metrics:{name}", Task.REGRESSION)
    score, reason = metric.evaluate(np.array(y), np.array([1.0, 3.0]))
    assert np.isnan(score)
    assert reason


def test_families_fit_to_absolute_errors_where_a_function_counts_these():
    names = ("median_absolute_error", "mean_absolute_error", "mean_squared_error", "r2_score")
    found = [get_metric(f"sklearn.metrics:{name}", Task.REGRESSION).optimum for name in names]
    assert found == ["median", "median", "mean", "mean"]


@pytest.mark.parametrize(
    ("name", "task", "says"),
    [
        ("mean_squared_error", Task.BINARY, "scores values, but this is a binary task"),
        ("roc_auc_score", Task.REGRESSION, "scores classes, but this is a regression task"),
        ("fbeta_score", Task.BINARY, "also needs beta"),
        ("confusion_matrix", Task.BINARY, "does not return a single score"),
        ("adjusted_rand_score", Task.BINARY, r"\(labels_true, labels_pred\)"),
        ("hinge_loss", Task.BINARY, r"\(y_true, pred_decision\)"),
        ("roc_auc_score", Task.MULTICLASS, "multi_class must be in"),
        ("f1_score", Task.MULTICLASS, "Target is multiclass"),
        ("top_k_accuracy_score", Task.BINARY, "the same score 1"),
        ("pinball", Task.REGRESSION, "has no 'pinball'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(name, task, says):
    with pytest.raises(ConfigError, match=says):
        get_metric(f"sklearn.metrics:{name}", task)


def test_a_scorer_is_taken_apart_and_a_setting_that_is_given_is_kept(tmp_path, monkeypatch):
    (tmp_path / "wrapped_metrics.py").write_text(
        "from functools import partial\n"
        "from sklearn.metrics import fbeta_score, get_scorer, roc_auc_score\n"
        "f2 = partial(fbeta_score, beta=2)\n"
        "ovr = partial(roc_auc_score, multi_class='ovr')\n"
        "scorer = get_scorer('roc_auc')\n"
    )
    monkeypatch.chdir(tmp_path)
    assert get_metric("wrapped_metrics:f2", Task.BINARY).needs == "labels"
    assert get_metric("wrapped_metrics:ovr", Task.MULTICLASS).is_ranking
    scorer = get_metric("wrapped_metrics:scorer", Task.BINARY)
    assert (scorer.needs, scorer.greater_is_better, scorer.is_ranking) == (
        "probabilities",
        True,
        True,
    )


def test_an_average_over_classes_has_a_value_for_rows_of_one_class():
    macro = partial(sk.f1_score, average="macro")
    assert scikit_metric("x:macro", macro, Task.BINARY).undefined is None
    assert scikit_metric("x:f1", sk.f1_score, Task.BINARY).undefined is not None
