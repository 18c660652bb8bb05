"""Texts in known pieces: what is unknown, empty, padded."""

import numpy as np
import pytest

from automl_plugins.torch.text.tokens import EMPTY, UNKNOWN, known_pieces, tokens_of
from automl_plugins.torch.text.words import split_texts

TRAINING = ["good film", "bad film", "a good thing", "", "bad"] * 8


def tokens(texts, pairs=False):
    known = known_pieces(split_texts(TRAINING, pairs))
    return tokens_of(split_texts(texts, pairs), known)


def pieces_of(batch):
    """For each text the sets of pieces of its words."""
    ends = [*batch.starts[1:].tolist(), len(batch.pieces)]
    sets = [set(batch.pieces[a:b].tolist()) for a, b in zip(batch.starts, ends, strict=True)]
    return [[sets[word] for word in text if word] for text in batch.words]


def test_a_word_without_a_known_piece_is_unknown():
    ((good,), (unknown,)) = pieces_of(tokens(["good", "xyzzy"]).batch(9))
    assert unknown == {UNKNOWN}
    assert len(good) > 3
    assert min(good) > EMPTY


def test_an_unknown_form_is_read_by_what_it_has_in_common():
    ((good,), (goods,)) = pieces_of(tokens(["good", "goods"]).batch(9))
    assert goods < good


@pytest.mark.parametrize("pairs", [False, True])
def test_an_empty_text_has_one_word(pairs):
    assert pieces_of(tokens(["", "  ", "film"], pairs).batch(9))[:2] == [[{EMPTY}], [{EMPTY}]]


def test_unknown_pairs_go():
    known, unknown = pieces_of(tokens(["good film", "film good"], pairs=True).batch(9))
    assert (len(known), len(unknown)) == (3, 2)


def test_texts_stand_side_by_side_in_any_order():
    rows = tokens(["good film", "bad", "a good thing"])[np.array([1, 2, 1])]
    batch = rows.batch(9)
    assert batch.words.shape == (3, 3)
    assert (batch.words > 0).sum(axis=1).tolist() == [1, 3, 1]
    assert batch.starts[:2].tolist() == [0, 0]  # of 0, which pads, there is no piece
    assert pieces_of(batch) == [pieces_of(rows[[i]].batch(9))[0] for i in range(3)]


def test_long_texts_are_read_from_the_first_word():
    whole, cut = (pieces_of(tokens(["good film bad thing"]).batch(n))[0] for n in (9, 2))
    assert cut == whole[:2]


def test_what_is_in_one_text_alone_is_not_kept():
    once = known_pieces(split_texts([*TRAINING, "singular singular"], False))
    np.testing.assert_array_equal(once, known_pieces(split_texts(TRAINING, False)))


@pytest.mark.parametrize("texts", [[], [""], ["a"]])
def test_few_texts_are_enough(texts):
    known = known_pieces(split_texts(texts, True))
    assert len(tokens_of(split_texts(texts, True), known)) == len(texts)
    assert pieces_of(tokens_of(split_texts(["b"], True), known).batch(9)) == [[{UNKNOWN}]]
