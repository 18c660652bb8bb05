from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from automl.metrics import CATALOG
from automl.plugin import Metric, Task
from tests.automl.ensemble.choosing import choose_ensemble, select_ensemble

BINARY, MULTICLASS, REGRESSION = "roc_auc", "log_loss", "rmse"
SEEDS = st.integers(0, 2**32 - 1)


def problem(seed, name, n_models=6, n_rows=60):
    """Models that see the truth through noise of their own."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0.3, 2, n_models)
    if name == REGRESSION:
        y = rng.normal(size=n_rows)
        return y, [y + s * rng.normal(size=n_rows) for s in noise]
    n_classes = 2 if name == BINARY else 3
    y = rng.permutation(np.arange(n_rows) % n_classes)
    logits = [np.eye(n_classes)[y] + s * rng.normal(size=(n_rows, n_classes)) for s in noise]
    return y, [np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in logits]


def slow_reference(predictions, y, metric, steps, max_members, costs):
    """The method as it is written down, with every mean computed from scratch."""

    def loss(members):
        mean = sum(predictions[i] for i in members) / len(members)
        return float(f"{metric.loss(metric.score(y, mean)):.6e}")

    def surprise(members):
        mean = sum(predictions[i] for i in members) / len(members)
        if mean.ndim == 1:
            return 0.0
        return float(f"{-np.log(mean[np.arange(len(y)), y].clip(1e-7, 1)).mean():.6e}")

    members, losses = [], []
    for _ in range(steps):
        best = None
        for i in range(len(predictions)):
            if i not in members and len(set(members)) >= max_members:
                continue
            grown, is_new = [*members, i], bool(members) and i not in members
            key = (loss(grown), is_new, surprise(grown), costs[i], i)
            best = key if best is None or key < best else best
        members.append(best[-1])
        losses.append(best[0])
    kept = members[: losses.index(min(losses)) + 1]
    return np.array([kept.count(i) for i in range(len(predictions))]) / len(kept)


@pytest.mark.parametrize("name", [BINARY, MULTICLASS, REGRESSION, "accuracy"])
@given(seed=SEEDS, max_members=st.integers(1, 6))
@settings(max_examples=15)
def test_selection_equals_the_method_written_down_naively(name, seed, max_members):
    y, predictions = problem(seed, BINARY if name == "accuracy" else name)
    costs = np.random.default_rng(seed).integers(0, 3, len(predictions)).tolist()
    metric = CATALOG[name]
    selection = select_ensemble(
        predictions, y, metric, steps=12, max_members=max_members, costs=costs
    )
    expected = slow_reference(predictions, y, metric, 12, max_members, costs)
    np.testing.assert_array_equal(selection.weights, expected)


@pytest.mark.parametrize("name", [BINARY, MULTICLASS, REGRESSION])
@given(seed=SEEDS, n_models=st.integers(1, 8))
@settings(max_examples=20)
def test_weights_sum_to_one_and_the_score_is_no_worse_than_the_best_single(name, seed, n_models):
    y, predictions = problem(seed, name, n_models)
    metric = CATALOG[name]
    selection = select_ensemble(predictions, y, metric, max_members=3)
    assert selection.weights.sum() == pytest.approx(1)
    assert (selection.weights >= 0).all()
    assert 1 <= np.count_nonzero(selection.weights) <= 3
    singles = [metric.loss(metric.score(y, p)) for p in predictions]
    assert metric.loss(selection.score) <= min(singles) + 1e-9
    assert singles[selection.single_best] == min(singles)
    mean = sum(w * p for w, p in zip(selection.weights, predictions, strict=True))
    assert selection.score == pytest.approx(metric.score(y, mean), abs=1e-12)


def test_a_sample_of_rows_never_makes_it_worse_than_the_best_single():
    metric = CATALOG[REGRESSION]
    for seed in range(30):
        y, predictions = problem(seed, REGRESSION, n_models=8, n_rows=200)
        selection = select_ensemble(predictions, y, metric, max_rows=10, seed=seed)
        assert selection.score <= min(metric.score(y, p) for p in predictions) + 1e-9


def test_the_same_seed_selects_the_same_and_another_samples_other_rows():
    y, predictions = problem(0, REGRESSION, n_models=8, n_rows=500)
    runs = [
        select_ensemble(predictions, y, CATALOG[REGRESSION], max_rows=50, seed=s).weights.tolist()
        for s in (0, 0, 1, 2, 3)
    ]
    assert runs[0] == runs[1]
    assert any(run != runs[0] for run in runs[2:])


def test_of_equal_models_the_cheaper_is_taken_once():
    y, predictions = problem(1, REGRESSION, n_models=1)
    selection = select_ensemble(predictions * 3, y, CATALOG[REGRESSION], costs=[2.0, 1.0, 3.0])
    assert selection.weights.tolist() == [0, 1, 0]
    assert selection.kind == "single"


@pytest.mark.parametrize("name", [BINARY, "accuracy"])
def test_of_models_that_are_perfect_the_less_surprised_is_taken_and_not_the_cheapest(name):
    y = np.arange(20) % 2
    sure, unsure = (np.where(y == 1, p, 1 - p) for p in (0.95, 0.51))
    predictions = [np.column_stack([1 - p, p]) for p in (unsure, sure)]
    selection = select_ensemble(predictions, y, CATALOG[name], costs=[1.0, 50.0])
    assert selection.weights.tolist() == [0.0, 1.0]


def test_differences_below_seven_digits_do_not_bring_in_another_model():
    y, (prediction,) = problem(1, REGRESSION, n_models=1)
    nudged = prediction + 1e-9 * (y - prediction)
    selection = select_ensemble([prediction, nudged], y, CATALOG[REGRESSION], costs=[1, 2])
    assert selection.weights.tolist() == [1, 0]


def test_models_of_other_coverage_are_compared_on_the_rows_they_share():
    y, predictions = problem(2, BINARY, n_models=3, n_rows=100)
    whole = predictions[0].copy()
    for p in predictions[1:]:
        p[:70] = np.nan
    selection = select_ensemble(predictions, y, CATALOG[BINARY])
    expected = select_ensemble(
        [whole[70:], *(p[70:] for p in predictions[1:])], y[70:], CATALOG[BINARY]
    )
    np.testing.assert_array_equal(selection.weights, expected.weights)
    assert selection.score == expected.score


def test_a_model_that_shares_no_row_with_the_others_is_left_out():
    y, predictions = problem(3, REGRESSION, n_models=3, n_rows=100)
    predictions[0][:60] = np.nan
    predictions[1][60:] = np.nan
    predictions[2][60:] = np.nan
    selection = select_ensemble(predictions, y, CATALOG[REGRESSION])
    assert selection.weights[0] == 0
    assert selection.weights.sum() == 1


def test_without_any_predicted_row_there_is_an_error():
    with pytest.raises(ValueError, match="no candidate has an out-of-fold prediction"):
        select_ensemble([np.full(5, np.nan)], np.zeros(5), CATALOG[REGRESSION])
    with pytest.raises(ValueError, match="no candidate has an out-of-fold prediction"):
        select_ensemble([], np.zeros(5), CATALOG[REGRESSION])


def test_predictions_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="for 5 rows"):
        select_ensemble([np.zeros(5), np.zeros(4)], np.zeros(5), CATALOG[REGRESSION])
    with pytest.raises(ValueError, match="2 costs for 1 predictions"):
        select_ensemble([np.zeros(5)], np.zeros(5), CATALOG[REGRESSION], costs=[1, 2])


def test_a_metric_without_a_value_never_wins():
    def reciprocal(y_true, prediction, weight):
        return float("nan") if prediction[0] > 5 else float(np.abs(y_true - prediction).mean())

    metric = Metric("r", False, "values", (0, 1), frozenset({Task.REGRESSION}), reciprocal)
    y = np.zeros(20)
    assert select_ensemble([y + 9, y + 1], y, metric).weights.tolist() == [0, 1]


def test_the_best_of_each_family_is_considered_whatever_the_pool():
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    shared = rng.normal(size=400)
    alike = [y + 0.8 * shared + 0.1 * rng.normal(size=400) for _ in range(5)]
    other = y + rng.normal(size=400)
    families = ["trees"] * 5 + ["nets"]
    metric = CATALOG[REGRESSION]
    assert select_ensemble([*alike, other], y, metric, pool=3).weights[5] == 0
    assert select_ensemble([*alike, other], y, metric, pool=3, families=families).weights[5] > 0


def test_row_weights_decide_which_model_is_better():
    y = np.zeros(20)
    first, second = np.zeros(20), np.zeros(20)
    first[:10] = 1
    second[10:] = 0.5
    weight = np.r_[np.full(10, 0.1), np.full(10, 1.9)]
    metric = CATALOG["mae"]
    assert select_ensemble([first, second], y, metric).single_best == 1
    assert select_ensemble([first, second], y, metric, weight=weight).single_best == 0


@pytest.mark.parametrize("name", [BINARY, REGRESSION])
def test_a_step_scores_each_model_of_the_pool_once(name):
    n_rows = []

    def function(y_true, prediction, weight=None):
        n_rows.append(len(y_true))
        return CATALOG[name].function(y_true, prediction, weight)

    y, predictions = problem(0, name, n_models=40, n_rows=500)
    metric = replace(CATALOG[name], function=function)
    select_ensemble(predictions, y, metric, steps=10, pool=15, max_members=40, max_rows=300)
    last_look = 40 + 3  # the best single model and the ensemble on all rows
    assert n_rows.count(300) <= 40 + 10 * 15
    assert n_rows.count(500) <= last_look
    assert len(n_rows) == n_rows.count(300) + n_rows.count(500)


@pytest.mark.parametrize("choose", [select_ensemble, choose_ensemble])
@given(seed=SEEDS)
@settings(max_examples=15)
def test_members_keep_every_limit_together(choose, seed):
    y, predictions = problem(seed, REGRESSION)
    loads = np.random.default_rng(seed).uniform(0.1, 0.9, (len(predictions), 2))
    chosen = choose(predictions, y, CATALOG[REGRESSION], loads=loads)
    members = np.flatnonzero(chosen.weights)
    assert len(members) == 1 or (loads[members].sum(axis=0) <= 1.0).all()


def test_a_cheap_model_joins_where_a_better_one_does_not_fit():
    y, predictions = problem(3, REGRESSION, n_models=4, n_rows=400)
    free = select_ensemble(predictions, y, CATALOG[REGRESSION])
    first = free.single_best
    assert np.count_nonzero(free.weights) > 2
    second = max((i for i in range(4) if i != first), key=lambda i: free.weights[i])
    loads = [[0.9] if i in (first, second) else [0.1] for i in range(4)]
    chosen = select_ensemble(predictions, y, CATALOG[REGRESSION], loads=loads)
    assert chosen.weights[first] > 0
    assert chosen.weights[second] == 0
    assert np.count_nonzero(chosen.weights) == 2


def test_no_limits_change_nothing():
    y, predictions = problem(5, BINARY)
    free = select_ensemble(predictions, y, CATALOG[BINARY])
    none = select_ensemble(predictions, y, CATALOG[BINARY], loads=[[]] * len(predictions))
    assert np.array_equal(free.weights, none.weights)


def nearly_ignorant():
    """A model with half the error of a constant, and one with .995 of it that would help."""
    rng = np.random.default_rng(0)
    y, error = rng.normal(size=4_000), 0.5 * rng.normal(size=4_000)
    return y, [y + error, 0.1 * y - 0.849 * error]


@pytest.mark.parametrize(("prior", "kind"), [(None, "ensemble"), (np.array(0.0), "single")])
def test_a_model_hardly_better_than_a_constant_is_not_added_where_the_constant_is_known(
    prior, kind
):
    y, predictions = nearly_ignorant()
    metric = CATALOG[REGRESSION]
    selection = select_ensemble(predictions, y, metric, prior=prior)
    assert selection.kind == kind
    assert (selection.weights[1] > 0) == (kind == "ensemble")


def test_where_no_model_beats_the_constant_the_best_of_them_is_selected():
    y = np.random.default_rng(0).normal(size=100)
    metric = CATALOG[REGRESSION]
    selection = select_ensemble([-y, -3 * y], y, metric, prior=np.array(0.0))
    assert selection.weights.tolist() == [1.0, 0.0]
