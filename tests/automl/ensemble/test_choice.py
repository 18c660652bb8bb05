from dataclasses import replace

import numpy as np
import pytest

from automl.ensemble.candidates import aligned
from automl.ensemble.nested import parts_of, within_parts
from automl.metrics import CATALOG
from tests.automl.ensemble.choosing import choose_ensemble, select_ensemble


def complementary(n_models=5, n_rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n_rows)
    return y, [y + rng.normal(size=n_rows) for _ in range(n_models)]


def test_models_that_err_independently_predict_together():
    y, predictions = complementary()
    chosen = choose_ensemble(predictions, y, CATALOG["rmse"])
    assert chosen.kind == "ensemble"
    assert np.count_nonzero(chosen.weights) == 5
    assert chosen.nested_score == pytest.approx(chosen.score, rel=0.1)
    assert 0 < chosen.score_se < 0.1
    assert "did not see the ensemble has rmse" in chosen.reason


def test_the_single_model_predicts_alone_when_the_others_are_noise():
    singles = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y = rng.permutation(np.arange(1200) % 2)
        good = np.clip(0.5 + 0.08 * (2 * y - 1) + 0.3 * rng.normal(size=1200), 0, 1)
        noise = [rng.random(1200) for _ in range(10)]
        predictions = [np.c_[1 - p, p] for p in (good, *noise)]
        on_its_own_rows = select_ensemble(predictions, y, CATALOG["roc_auc"])
        assert on_its_own_rows.kind == "ensemble"
        chosen = choose_ensemble(predictions, y, CATALOG["roc_auc"], seed=seed)
        assert chosen.single_best == 0
        if chosen.kind == "single":
            singles += 1
            assert chosen.weights.tolist() == [1.0] + [0.0] * 10
            assert chosen.reason.endswith("so that model predicts alone")
            assert chosen.score == CATALOG["roc_auc"].score(y, predictions[0])
    assert singles >= 7


def test_the_nested_score_does_not_flatter():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    predictions = [np.c_[1 - p, p] for p in rng.random((30, 200))]
    chosen = choose_ensemble(predictions, y, CATALOG["roc_auc"])
    assert select_ensemble(predictions, y, CATALOG["roc_auc"]).score > 0.6
    assert abs(chosen.nested_score - 0.5) < 0.12


def test_one_model_is_chosen_with_its_standard_error():
    y, predictions = complementary(n_models=1)
    chosen = choose_ensemble(predictions, y, CATALOG["rmse"])
    assert (chosen.kind, chosen.weights.tolist()) == ("single", [1.0])
    assert chosen.reason == "there is one model to choose from"
    assert chosen.nested_score == pytest.approx(chosen.score, rel=0.05)
    assert chosen.score_se > 0


def test_copies_of_one_model_leave_a_single_one():
    y, predictions = complementary(n_models=1)
    chosen = choose_ensemble(predictions * 4, y, CATALOG["rmse"])
    assert (chosen.kind, chosen.weights.tolist()) == ("single", [1.0, 0, 0, 0])
    assert chosen.reason == "no other model improves on the best single one"


def test_a_handful_of_rows_leaves_the_single_model():
    y, predictions = complementary(n_rows=6)
    chosen = choose_ensemble(predictions, y, CATALOG["rmse"])
    assert chosen.kind == "single"
    assert chosen.nested_score is None
    assert chosen.score_se is None


def test_rows_that_a_model_does_not_predict_are_left_out():
    y, predictions = complementary()
    predictions[2][:500] = np.nan
    chosen = choose_ensemble(predictions, y, CATALOG["rmse"])
    expected = choose_ensemble([p[500:] for p in predictions], y[500:], CATALOG["rmse"])
    np.testing.assert_array_equal(chosen.weights, expected.weights)


def test_without_a_time_limit_the_result_depends_on_the_arguments_alone():
    y, predictions = complementary()
    first, again = (choose_ensemble(predictions, y, CATALOG["rmse"], seed=4) for _ in range(2))
    assert first.weights.tolist() == again.weights.tolist()
    assert (first.nested_score, first.score_se) == (again.nested_score, again.score_se)


def two_classes(n_rows, n_models=6):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n_rows)
    scores = [1 / (1 + np.exp(-(y + rng.normal(size=n_rows)))) for _ in range(n_models)]
    return [np.c_[1 - p, p] for p in scores], y


def counting(metric):
    """The metric, and the number of rows of each of its scorings."""
    n_rows = []

    def function(y_true, prediction, weight=None):
        n_rows.append(len(y_true))
        return metric.function(y_true, prediction, weight)

    return replace(metric, function=function), n_rows


def test_a_time_limit_leaves_a_few_rows_to_steer():
    predictions, y = two_classes(20_000)
    scored = {}
    for limit_s in (None, 1e-9):
        metric, n_rows = counting(CATALOG["log_loss"])
        chosen = choose_ensemble(predictions, y, metric, time_limit_s=limit_s)
        assert chosen.kind == "ensemble"
        scored[limit_s] = n_rows
    steering = np.array(scored[1e-9]) <= 2_000
    assert steering.mean() > 0.6
    assert sum(scored[1e-9]) < sum(scored[None]) / 2


def test_the_nested_score_is_of_all_rows_and_not_of_those_that_steer():
    predictions, y = two_classes(6_000, n_models=1)
    metric, n_rows = counting(CATALOG["roc_auc"])
    chosen = choose_ensemble(predictions, y, metric, max_rows=500)
    known = aligned(predictions, y, metric)
    each = within_parts(known, parts_of(known, 5, 0))
    assert chosen.nested_score == pytest.approx(each.score(predictions[0]), rel=1e-12)
    assert max(n_rows) == 6_000
    assert not any(500 < n < 1_000 for n in n_rows)  # beyond those of selection, parts are whole


@pytest.mark.parametrize("n_folds", [1, 5, 40])
def test_the_number_of_scorings_does_not_grow_with_the_number_of_folds(n_folds):
    predictions, y = two_classes(400)
    metric, n_rows = counting(CATALOG["roc_auc"])
    choose_ensemble(predictions, y, metric, fold=np.arange(400) % n_folds)
    assert sum(n_rows) / 400 < 1_400


def test_a_constant_is_no_member_though_the_metric_does_not_notice():
    y, predictions = complementary(n_models=3)
    labels = (y > 0).astype(int)
    shown = [np.c_[-p, p] for p in predictions]
    constant = np.full((len(y), 2), 0.5)
    chosen = choose_ensemble(
        [*shown, constant], labels, CATALOG["roc_auc"], prior=np.array([0.5, 0.5])
    )
    assert chosen.weights[3] == 0.0
    assert np.count_nonzero(chosen.weights) == 3
