import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from automl.plugin import TABULAR_KINDS, ColumnKind, Images, Rows, Sequences, Texts


@pytest.fixture
def images():
    return Images(np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3, 1), np.array([3, 0, 0, 2]))


@pytest.fixture
def sequences():
    """Three of 1, 3 and 2 steps, of which rows have the last, the first and the second."""
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    return Sequences(values, np.array([0, 1, 4, 6]), np.array([2, 0, 1]))


@pytest.fixture
def texts():
    """Three, of which one is missing; rows have the last, the second and the first."""
    return Texts(pa.array(["a", None, "日本"]), np.array([2, 1, 0]))


def test_images_are_read_in_the_order_of_the_rows(images):
    assert (len(images), images.shape) == (4, (2, 3, 1))
    assert images.read()[:, 0, 0, 0].tolist() == [18, 0, 0, 12]
    assert images[[3, 0]].read()[:, 0, 0, 0].tolist() == [12, 18]


def test_nothing_is_copied_before_it_is_read(images, sequences):
    assert images[1:].pixels is images.pixels
    assert sequences[1:].values is sequences.values


def test_texts_are_read_in_the_order_of_the_rows_and_are_empty_where_missing(texts):
    assert len(texts) == 3
    assert texts.read() == ["日本", "", "a"]
    assert texts[np.array([True, False, True])].read() == ["日本", "a"]
    assert texts[1:].values is texts.values


def test_sequences_keep_their_own_steps(sequences):
    assert sequences.lengths.tolist() == [2, 1, 3]
    assert sequences.steps()[:, 0].tolist() == [8, 10, 0, 2, 4, 6]
    assert sequences[np.array([False, False, True])].steps()[:, 0].tolist() == [2, 4, 6]


def test_padding_comes_after_the_end_and_is_no_number(sequences):
    padded = sequences.padded()
    assert padded.shape == (3, 3, 2)
    assert np.isnan(padded).any(axis=2).tolist() == [
        [False, False, True],
        [False, True, True],
        [False, False, False],
    ]
    np.testing.assert_array_equal(sequences.padded(2), padded[:, :2])


def test_all_that_rows_hold_is_taken_together(images, sequences, texts):
    rows = Rows(np.arange(3.0)[:, None], (images[:3],), (sequences,), (texts,))[np.array([2, 0])]
    assert (len(rows), rows.shape) == (2, (2, 1))
    assert rows.X[:, 0].tolist() == [2.0, 0.0]
    assert rows.images[0].index.tolist() == [0, 3]
    assert rows.sequences[0].lengths.tolist() == [3, 2]
    assert rows.texts[0].read() == ["a", "日本"]


@pytest.mark.parametrize("make", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_rows_can_stand_for_their_matrix(images, make):
    X = np.arange(8, dtype=np.float32).reshape(4, 2)
    rows = Rows(make(X), (images,))
    np.testing.assert_array_equal(np.asarray(rows), X)
    assert np.asarray(rows, dtype=np.float64).dtype == np.float64


def test_a_family_of_tables_is_given_the_matrix_alone(images):
    rows = Rows(np.zeros((4, 1), dtype=np.float32), (images,))
    assert rows.for_kinds(TABULAR_KINDS) is rows.X
    assert rows.for_kinds({ColumnKind.NUMERIC, ColumnKind.IMAGE}) is rows


def test_a_family_that_is_shown_texts_is_given_all(texts):
    rows = Rows(np.zeros((3, 1), dtype=np.float32), texts=(texts,))
    assert rows.for_kinds(TABULAR_KINDS) is rows
