"""Words of any script, and their pieces."""

import numpy as np
import pytest

from automl_plugins.torch.text.words import ragged_take, split_texts


def words_of(text, pairs=False):
    """How many words a text has, and the sets of hashes that they are made of."""
    words = split_texts([text], pairs)
    each = np.split(words.subwords, words.starts[1:-1])
    return [frozenset(each[number].tolist()) for number in words.words]


@pytest.mark.parametrize(
    ("text", "n_words"),
    [
        ("Good film, isn't it?", 8),
        ("हिन्दी भाषा", 2),  # vowel signs are parts of words
        ("مُحَمَّد كتاب", 2),  # so are accents that stand alone
        ("東京は高い", 5),
        ("한국어 문장", 2),
        ("ok 😀👍", 3),
        ("ภาษาไทย", 1),
        ("", 0),
        (" \t\n", 0),
        ("\ud800", 1),  # half of a pair of code units, as broken files have them
    ],
)
def test_texts_of_any_script_have_words(text, n_words):
    assert len(words_of(text)) == n_words


def test_case_and_forms_of_letters_do_not_matter():
    assert words_of("ﬁne STRASSE") == words_of("fine straße")
    assert words_of("fine") != words_of("find")


def test_words_with_a_common_stem_have_common_pieces():
    walked, walking, tree = words_of("walked walking tree")
    assert len(walked & walking) >= 3
    assert not walked & tree


def test_a_word_is_not_a_run_of_characters_in_another():
    whole, longer = words_of("cat concatenate")
    assert not whole & longer - words_of("<cat")[1]


def test_long_runs_of_letters_are_cut():
    assert len(words_of("x" * 100)) == 5


def test_pairs_follow_the_words_and_are_made_of_themselves():
    words = split_texts(["not good", "good", "not good"], pairs=True)
    assert words.offsets.tolist() == [0, 3, 4, 7]
    assert words.words.tolist() == [0, 1, 2, 1, 0, 1, 2]
    assert words.is_pair.tolist() == [False, False, True]
    assert words.starts[3] - words.starts[2] == 1
    assert not split_texts(["not good"], pairs=False).is_pair.any()


def test_rows_of_unequal_lengths_are_taken_in_any_order():
    values, offsets = np.arange(6) * 10, np.array([0, 1, 1, 4, 6])
    taken, lengths = ragged_take(values, offsets, np.array([2, 1, 3, 2]), None)
    assert (taken.tolist(), lengths.tolist()) == ([10, 20, 30, 40, 50, 10, 20, 30], [3, 0, 2, 3])
    taken, lengths = ragged_take(values, offsets, np.array([2, 3]), 2)
    assert (taken.tolist(), lengths.tolist()) == ([10, 20, 40, 50], [2, 2])
