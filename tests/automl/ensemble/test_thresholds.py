import numpy as np
import pytest

from automl.ensemble.thresholds import apply_class_factors, as_threshold, fit_class_factors
from automl.metrics import CATALOG


def rare_class(n_rows=4000, share=0.05, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < share).astype(np.int64)
    odds = np.log(share / (1 - share)) + 1.5 * y + rng.normal(size=n_rows)
    positive = 1 / (1 + np.exp(-odds))
    return np.column_stack((1 - positive, positive)), y


def several_classes(n_rows=3000, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(4, size=n_rows, p=[0.7, 0.2, 0.07, 0.03])
    logits = np.log([0.7, 0.2, 0.07, 0.03]) + 1.5 * np.eye(4)[y] + rng.normal(size=(n_rows, 4))
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "mcc"])
def test_a_rare_class_is_chosen_below_one_half(name):
    metric = CATALOG[name]
    seen, unseen = rare_class(), rare_class(seed=1)
    factors = fit_class_factors(*seen, metric)
    assert as_threshold(factors) < 0.4
    probabilities, y = unseen
    better = metric.score(y, apply_class_factors(probabilities, factors))
    assert metric.is_better(better, than=metric.score(y, probabilities))


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1_macro"])
def test_rare_classes_of_several_are_chosen_more_often(name):
    metric = CATALOG[name]
    seen, unseen = several_classes(), several_classes(seed=1)
    factors = fit_class_factors(*seen, metric)
    assert factors[0] < factors[3]
    probabilities, y = unseen
    better = metric.score(y, apply_class_factors(probabilities, factors))
    assert metric.is_better(better, than=metric.score(y, probabilities))


def test_the_threshold_is_what_the_highest_weighed_probability_means():
    probabilities, y = rare_class(500)
    factors = fit_class_factors(probabilities, y, CATALOG["f1"])
    chosen = apply_class_factors(probabilities, factors).argmax(axis=1)
    np.testing.assert_array_equal(chosen, probabilities[:, 1] > as_threshold(factors))


def test_the_middle_of_a_plateau_is_taken():
    positive = np.r_[np.full(5000, 0.1), np.full(5000, 0.7)]
    probabilities = np.column_stack((1 - positive, positive))
    y = np.r_[np.zeros(5000, dtype=np.int64), np.ones(5000, dtype=np.int64)]
    factors = fit_class_factors(probabilities, y, CATALOG["accuracy"])
    assert as_threshold(factors) == pytest.approx(0.4, abs=0.03)


def test_few_rows_of_a_class_draw_the_threshold_to_one_half():
    probabilities, y = rare_class()
    few = np.r_[np.flatnonzero(y == 1)[:4], np.flatnonzero(y == 0)[:80]]
    many = as_threshold(fit_class_factors(probabilities, y, CATALOG["balanced_accuracy"]))
    doubted = fit_class_factors(probabilities[few], y[few], CATALOG["balanced_accuracy"])
    assert many < as_threshold(doubted) < 0.5


def test_several_classes_have_no_threshold():
    assert as_threshold((1.0, 2.0, 3.0)) is None
    assert as_threshold(()) is None


def test_a_row_without_any_weighed_probability_stays_as_it_is():
    row = np.array([[1.0, 0.0]])
    np.testing.assert_array_equal(apply_class_factors(row, (0.0, 1.0)), row)


def test_of_many_rows_a_sample_is_enough():
    probabilities, y = rare_class(60_000)
    metric = CATALOG["balanced_accuracy"]
    first, again = (fit_class_factors(probabilities, y, metric) for _ in range(2))
    assert first == again
    assert as_threshold(first) < 0.2
