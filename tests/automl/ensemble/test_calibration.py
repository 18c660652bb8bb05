import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from automl.ensemble import Calibration
from automl.ensemble.calibration import apply_temperature, fit_calibration, fit_temperature
from automl.metrics import CATALOG
from tests.automl.ensemble.choosing import choose_ensemble

PROBABILITIES = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])


def models(n_rows=3000, n_models=4, seed=0, sureness=1.0, share=0.5):
    """Probabilities of two classes that see the truth through noise, most of it in common."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < share).astype(np.int64)
    prior = np.log(share / (1 - share))
    common, found = rng.normal(scale=1.4, size=n_rows), []
    for _ in range(n_models):
        odds = sureness * (prior + 2 * y - 1 + common + rng.normal(scale=0.3, size=n_rows))
        positive = 1 / (1 + np.exp(-odds))
        found.append(np.column_stack((1 - positive, positive)))
    return found, y


def test_as_it_is_made_it_changes_nothing():
    none = Calibration()
    assert none.apply(PROBABILITIES) is PROBABILITIES
    assert none.decide(PROBABILITIES).tolist() == [0, 0, 1]
    assert none.threshold is None


def test_class_factors_decide_and_leave_probabilities():
    biased = Calibration(class_factors=(1.0, 2.0))
    assert biased.apply(PROBABILITIES) is PROBABILITIES
    assert biased.threshold == pytest.approx(1 / 3)
    assert biased.decide(PROBABILITIES).tolist() == [1, 0, 1]


def test_a_metric_of_labels_is_shown_what_is_chosen_and_others_the_probabilities():
    biased, y = Calibration(class_factors=(1.0, 2.0)), np.array([1, 0, 1])
    shown = biased.for_metric(CATALOG["accuracy"], PROBABILITIES)
    assert CATALOG["accuracy"].score(y, shown) == 1.0
    assert biased.for_metric(CATALOG["log_loss"], PROBABILITIES) is PROBABILITIES


def test_values_are_kept_in_the_range():
    clipped = Calibration(value_range=(0.0, 5.0)).apply(np.array([-3.0, 2.0, 9.0]))
    assert clipped.tolist() == [0.0, 2.0, 5.0]


def test_the_range_of_values_goes_a_little_beyond_what_was_seen():
    learned = fit_calibration(np.zeros(3), np.array([0.0, 5.0, 10.0]), CATALOG["rmse"])
    assert learned == Calibration(value_range=(-0.5, 10.5))


def test_models_that_are_too_sure_get_a_temperature_and_a_better_log_loss():
    predictions, y = models(sureness=2.5)
    chosen = choose_ensemble(predictions, y, CATALOG["log_loss"])
    assert chosen.calibration.temperature > 1.2
    others, truth = models(sureness=2.5, seed=1)
    blend = sum(w * p for w, p in zip(chosen.weights, others, strict=True))
    score = CATALOG["log_loss"].score
    assert score(truth, chosen.calibration.apply(blend)) < score(truth, blend)


def test_a_temperature_that_does_not_help_is_not_kept():
    kept = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        right = rng.dirichlet(np.ones(2), size=400)
        y = (rng.random(400) > right[:, 0]).astype(np.int64)
        chosen = choose_ensemble([right], y, CATALOG["log_loss"], seed=seed)
        kept += chosen.calibration != Calibration()
    assert kept <= 4


def test_roc_auc_leaves_probabilities_alone():
    predictions, y = models(sureness=2.5)
    assert choose_ensemble(predictions, y, CATALOG["roc_auc"]).calibration == Calibration()


def test_a_rare_class_gets_a_threshold_for_a_metric_of_labels():
    predictions, y = models(share=0.1)
    chosen = choose_ensemble(predictions, y, CATALOG["f1"])
    assert chosen.calibration.threshold < 0.5
    others, truth = models(share=0.1, seed=1)
    blend = sum(w * p for w, p in zip(chosen.weights, others, strict=True))
    tuned = chosen.calibration.for_metric(CATALOG["f1"], blend)
    assert CATALOG["f1"].score(truth, tuned) > CATALOG["f1"].score(truth, blend)


def test_values_beyond_the_range_are_clipped_where_that_helps():
    rng = np.random.default_rng(0)
    y = rng.uniform(0, 10, 500)
    wild = y + rng.normal(scale=0.5, size=500)
    wild[::50] += 200.0
    assert choose_ensemble([wild], y, CATALOG["rmse"]).calibration.value_range is not None
    calm = y + rng.normal(scale=0.1, size=500)
    assert choose_ensemble([calm], y, CATALOG["rmse"]).calibration == Calibration()


def test_the_score_is_that_of_the_corrected_prediction():
    predictions, y = models(sureness=2.5, n_models=1)
    chosen = choose_ensemble(predictions, y, CATALOG["log_loss"])
    scaled = apply_temperature(predictions[0], chosen.calibration.temperature)
    assert chosen.score == pytest.approx(CATALOG["log_loss"].score(y, scaled))
    assert chosen.nested_score == pytest.approx(chosen.score, rel=0.02)


def sampled(temperature, n_classes=3, n_rows=20_000, seed=0):
    """Probabilities that are sure by a factor, and labels drawn by the right ones."""
    rng = np.random.default_rng(seed)
    right = rng.dirichlet(np.ones(n_classes), size=n_rows)
    y = (rng.random((n_rows, 1)) > right.cumsum(axis=1)).sum(axis=1)
    return apply_temperature(right, 1 / temperature), y


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_there_is_found(temperature):
    assert fit_temperature(*sampled(temperature)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_has_a_lower_log_loss():
    probabilities, y = sampled(1.7, n_rows=500)
    found = fit_temperature(probabilities, y)
    loss = CATALOG["log_loss"].score
    best = loss(y, apply_temperature(probabilities, found))
    for other in (0.9 * found, 0.999 * found, 1.001 * found, 1.1 * found):
        assert best <= loss(y, apply_temperature(probabilities, other))


def test_rows_of_weight_two_count_as_two():
    probabilities, y = sampled(1.4, n_rows=300)
    weight = np.random.default_rng(0).integers(1, 3, 300)
    twice = np.repeat(np.arange(300), weight)
    weighed = fit_temperature(probabilities, y, weight.astype(float))
    assert weighed == pytest.approx(fit_temperature(probabilities[twice], y[twice]), rel=1e-4)


@pytest.mark.parametrize("right", [True, False])
def test_rows_that_are_sure_keep_the_temperature_in_its_range(right):
    probabilities = np.tile([0.9999, 0.0001], (50, 1))
    y = np.full(50, 0 if right else 1)
    assert 0.2 - 1e-6 <= fit_temperature(probabilities, y) <= 5.0 + 1e-6


@given(seed=st.integers(0, 1000), temperature=st.floats(0.2, 5))
@settings(max_examples=30)
def test_the_order_of_the_classes_stays_and_rows_sum_to_one(seed, temperature):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(4), size=20)
    scaled = apply_temperature(probabilities, temperature)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    np.testing.assert_array_equal(scaled.argsort(axis=1), probabilities.argsort(axis=1))


def test_a_class_of_no_probability_stays_finite():
    scaled = apply_temperature(np.array([[1.0, 0.0]]), 0.2)
    assert np.isfinite(scaled).all()
    assert scaled[0, 1] == pytest.approx(0, abs=1e-12)
