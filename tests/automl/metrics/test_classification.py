import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as sk

from automl.metrics import CATALOG
from automl.metrics import classification as ours

SEEDS = st.integers(0, 2**32 - 1)


def labels_case(seed, n_classes, weighted):
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(1, 60))
    y_true = rng.integers(0, n_classes, n_rows)
    guess = np.where(rng.random(n_rows) < 0.5, y_true, rng.integers(0, n_classes, n_rows))
    return y_true, guess, rng.uniform(0.1, 3, n_rows) if weighted else None


def probabilities_case(seed, n_classes, weighted):
    """Every class occurs; scores have few distinct values, so that many are tied."""
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(n_classes * 2, 80))
    y_true = rng.permutation(np.arange(n_rows) % n_classes)
    raw = rng.integers(1, int(rng.integers(3, 50)), (n_rows, n_classes)).astype(float)
    raw[np.arange(n_rows), y_true] += 1
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return y_true, probabilities, rng.uniform(0.1, 3, n_rows) if weighted else None


LABEL_METRICS = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": lambda y, p, sample_weight: sk.recall_score(
        y, p, labels=np.unique(y), average="macro", sample_weight=sample_weight, zero_division=0
    ),
    "f1_macro": lambda y, p, sample_weight: sk.f1_score(
        y, p, average="macro", sample_weight=sample_weight, zero_division=0
    ),
    "f1_micro": lambda y, p, sample_weight: sk.f1_score(
        y, p, average="micro", sample_weight=sample_weight, zero_division=0
    ),
    "f1_weighted": lambda y, p, sample_weight: sk.f1_score(
        y, p, average="weighted", sample_weight=sample_weight, zero_division=0
    ),
    "precision_macro": lambda y, p, sample_weight: sk.precision_score(
        y, p, average="macro", sample_weight=sample_weight, zero_division=0
    ),
    "quadratic_kappa": lambda y, p, sample_weight: sk.cohen_kappa_score(
        y,
        p,
        labels=np.arange(max(y.max(), p.max()) + 1),
        weights="quadratic",
        sample_weight=sample_weight,
    ),
    "mcc": sk.matthews_corrcoef,
    "kappa": lambda y, p, sample_weight: sk.cohen_kappa_score(
        y, p, labels=np.arange(max(y.max(), p.max()) + 1), sample_weight=sample_weight
    ),
}
BINARY_LABEL_METRICS = {
    "f1": sk.f1_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
}


@pytest.mark.parametrize("name", LABEL_METRICS)
@given(seed=SEEDS, n_classes=st.integers(2, 6), weighted=st.booleans())
@settings(max_examples=40)
def test_metrics_of_labels_equal_scikit_learn(name, seed, n_classes, weighted):
    y_true, guess, weight = labels_case(seed, n_classes, weighted)
    if len(np.union1d(y_true, guess)) == 1:
        y_true, guess, weight = np.array([0, 1, 1]), np.array([1, 1, 0]), None
    expected = LABEL_METRICS[name](y_true, guess, sample_weight=weight)
    assert CATALOG[name].function(y_true, guess, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", BINARY_LABEL_METRICS)
@given(seed=SEEDS, weighted=st.booleans())
@settings(max_examples=40)
def test_metrics_of_the_positive_class_equal_scikit_learn(name, seed, weighted):
    y_true, guess, weight = labels_case(seed, 2, weighted)
    expected = BINARY_LABEL_METRICS[name](y_true, guess, sample_weight=weight, zero_division=0)
    assert getattr(ours, name)(y_true, guess, weight) == pytest.approx(expected, abs=1e-12)


@given(seed=SEEDS, n_classes=st.integers(2, 6), weighted=st.booleans())
@settings(max_examples=50)
def test_log_loss_and_brier_equal_scikit_learn(seed, n_classes, weighted):
    y_true, p, weight = probabilities_case(seed, n_classes, weighted)
    classes = np.arange(n_classes)
    expected = sk.log_loss(y_true, p, labels=classes, sample_weight=weight)
    assert ours.log_loss(y_true, p, weight) == pytest.approx(expected, abs=1e-12)
    taken = p[:, 1] if n_classes == 2 else p
    expected = sk.brier_score_loss(y_true, taken, labels=classes, sample_weight=weight)
    assert ours.brier(y_true, p, weight) == pytest.approx(expected, abs=1e-12)


def test_log_loss_makes_rows_sum_to_one_and_clips_zero():
    y_true = np.array([0, 1])
    scaled = np.array([[2.0, 2.0], [1.0, 3.0]], dtype=np.float32)
    assert ours.log_loss(y_true, scaled) == pytest.approx(-np.mean(np.log([0.5, 0.75])))
    wrong = np.array([[0.0, 1.0], [0.0, 1.0]], dtype=np.float32)
    assert ours.log_loss(y_true, wrong) == pytest.approx(-np.log(1e-15) / 2)
    assert np.isfinite(ours.log_loss(y_true, np.zeros((2, 2))))


@pytest.mark.parametrize(
    ("name", "value"), [("mcc", 0.0), ("kappa", 0.0), ("quadratic_kappa", 0.0), ("f1", 0.0)]
)
@pytest.mark.parametrize("weight", [None, np.array([0.1, 0.7, 1e-9, 3.3])])
def test_labels_of_a_single_class_give_a_defined_score(name, value, weight):
    same = np.zeros(4, dtype=np.int64)
    assert getattr(ours, name)(same, same, weight) == value


def test_weights_that_are_no_whole_numbers_leave_chance_at_zero():
    """Sums of such weights differ in the last bit, which nothing may be divided by."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        guess, weight = rng.integers(0, 4, 12), rng.uniform(0.1, 3, 12)
        same = np.full(12, 2)
        assert ours.mcc(same, guess, weight) == 0.0
        assert abs(ours.kappa(same, guess, weight)) < 1e-9


def test_no_rows_give_a_defined_score():
    none = np.zeros(0, dtype=np.int64)
    for name in ours.__all__:
        probabilities = name in ("brier", "log_loss")
        guess = np.zeros((0, 2)) if probabilities else none
        assert np.isfinite(getattr(ours, name)(none, guess))
