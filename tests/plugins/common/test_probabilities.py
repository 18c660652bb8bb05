import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from automl_plugins.common.probabilities import softmax, with_all_classes

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5))
SCORES = arrays(np.float64, SHAPES, elements=st.floats(-900, 900))


@given(SCORES)
def test_probabilities_sum_to_one_and_keep_the_order_of_the_scores(scores):
    found = softmax(scores)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    ordered = np.take_along_axis(found, np.argsort(scores, axis=1), axis=1)
    assert (np.diff(ordered, axis=1) >= 0).all()


def test_probabilities_are_those_of_scipy_to_the_last_bit():
    from scipy import special

    random = np.random.default_rng(0)
    for kind in (np.float32, np.float64):
        scores = random.normal(scale=20.0, size=(50, 7)).astype(kind)
        assert softmax(scores).dtype == kind
        np.testing.assert_array_equal(softmax(scores), special.softmax(scores, axis=1))


def test_a_class_that_training_did_not_have_gets_probability_zero():
    full = with_all_classes(np.array([[0.3, 0.7], [0.9, 0.1]]), np.array([0, 2]), 4)
    assert full.tolist() == [[0.3, 0.0, 0.7, 0.0], [0.9, 0.0, 0.1, 0.0]]
