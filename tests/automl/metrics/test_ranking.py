import sys
import tracemalloc

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as sk

from automl.metrics import ranking as ours

SEEDS = st.integers(0, 2**32 - 1)


def probabilities_case(seed, n_classes, weighted):
    """Every class occurs; scores have few distinct values, so that many are tied."""
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(n_classes * 2, 80))
    y_true = rng.permutation(np.arange(n_rows) % n_classes)
    raw = rng.integers(1, int(rng.integers(3, 50)), (n_rows, n_classes)).astype(float)
    raw[np.arange(n_rows), y_true] += 1
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return y_true, probabilities, rng.uniform(0.1, 3, n_rows) if weighted else None


@given(seed=SEEDS, weighted=st.booleans())
@settings(max_examples=100, deadline=None)
def test_binary_roc_auc_with_ties_and_weights_equals_scikit_learn(seed, weighted):
    y_true, p, weight = probabilities_case(seed, 2, weighted)
    expected = sk.roc_auc_score(y_true, p[:, 1], sample_weight=weight)
    assert ours.roc_auc(y_true, p, weight) == pytest.approx(expected, abs=1e-12)


@given(seed=SEEDS, n_classes=st.integers(3, 6))
@settings(max_examples=50, deadline=None)
def test_multiclass_roc_auc_equals_scikit_learn_one_versus_rest(seed, n_classes):
    y_true, p, _ = probabilities_case(seed, n_classes, False)
    expected = sk.roc_auc_score(y_true, p, multi_class="ovr", average="macro")
    assert ours.roc_auc(y_true, p) == pytest.approx(expected, abs=1e-12)


def test_multiclass_roc_auc_takes_weights_and_leaves_absent_classes_out():
    y_true, p, weight = probabilities_case(3, 4, True)
    present = y_true != 2
    y_true, p, weight = y_true[present], p[present], weight[present]
    areas = [sk.roc_auc_score(y_true == k, p[:, k], sample_weight=weight) for k in (0, 1, 3)]
    assert ours.roc_auc(y_true, p, weight) == pytest.approx(np.mean(areas), abs=1e-12)


@given(seed=SEEDS, weighted=st.booleans())
@settings(max_examples=50, deadline=None)
def test_average_precision_equals_scikit_learn(seed, weighted):
    y_true, p, weight = probabilities_case(seed, 2, weighted)
    expected = sk.average_precision_score(y_true, p[:, 1], sample_weight=weight)
    assert ours.average_precision(y_true, p, weight) == pytest.approx(expected, abs=1e-12)


@given(seed=SEEDS, n_classes=st.integers(3, 6))
@settings(max_examples=30, deadline=None)
def test_one_versus_one_and_weighted_areas_equal_scikit_learn(seed, n_classes):
    y_true, p, weight = probabilities_case(seed, n_classes, True)
    y_true = np.append(y_true, np.zeros(5, dtype=np.int64))  # not all classes as frequent
    p, weight = np.vstack([p, p[:5]]), np.append(weight, np.ones(5))
    expected = sk.roc_auc_score(y_true, p, multi_class="ovo", average="macro")
    assert ours.roc_auc_ovo(y_true, p) == pytest.approx(expected, abs=1e-12)
    expected = sk.roc_auc_score(y_true, p, multi_class="ovr", average="weighted")
    assert ours.roc_auc_weighted(y_true, p) == pytest.approx(expected, abs=1e-12)
    areas = [sk.roc_auc_score(y_true == k, p[:, k], sample_weight=weight) for k in range(n_classes)]
    shares = [weight[y_true == k].sum() for k in range(n_classes)]
    expected = np.average(areas, weights=shares)
    assert ours.roc_auc_weighted(y_true, p, weight) == pytest.approx(expected, abs=1e-12)


@given(seed=SEEDS, n_classes=st.integers(3, 6))
@settings(max_examples=30, deadline=None)
def test_average_precision_of_several_classes_is_the_mean_over_them(seed, n_classes):
    y_true, p, _ = probabilities_case(seed, n_classes, False)
    expected = sk.average_precision_score(np.eye(n_classes)[y_true], p, average="macro")
    assert ours.average_precision(y_true, p) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [("roc_auc", 0.5), ("average_precision", 0.0), ("roc_auc_ovo", 0.5), ("roc_auc_weighted", 0.5)],
)
def test_a_single_class_gives_a_defined_score(name, value):
    y_true, p = np.zeros(4, dtype=np.int64), np.full((4, 2), 0.5)
    for weight in (None, np.ones(4), np.zeros(4)):
        assert getattr(ours, name)(y_true, p, weight) == pytest.approx(value)


def test_no_rows_give_a_defined_score():
    none = np.zeros(0, dtype=np.int64)
    for name in ours.__all__:
        assert np.isfinite(getattr(ours, name)(none, np.zeros((0, 3))))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_tied_scores_are_worth_chance(n_classes):
    y_true = np.arange(20) % n_classes
    p = np.full((20, n_classes), 1 / n_classes)
    for weight in (None, np.linspace(0.1, 2, 20)):
        assert ours.roc_auc(y_true, p, weight) == pytest.approx(0.5)
    assert ours.average_precision(y_true, p) == pytest.approx(1 / n_classes)


def calls_of(function, *arguments):
    """How many functions a call enters, in Python and in C."""
    calls = []
    sys.setprofile(lambda frame, event, what: calls.append(event) if "call" in event else None)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return len(calls)


def test_roc_auc_goes_through_the_rows_in_no_loop_of_python_and_needs_a_few_arrays_of_them():
    rng, calls = np.random.default_rng(0), {}
    for n_rows in (100, 100_000):
        score = rng.random(n_rows)
        y_true, p = (rng.random(n_rows) < score).astype(np.int64), np.c_[1 - score, score]
        calls[n_rows] = calls_of(ours.roc_auc, y_true, p)
    assert calls[100_000] <= calls[100]
    tracemalloc.start()
    ours.roc_auc(y_true, p)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 20 * y_true.nbytes
