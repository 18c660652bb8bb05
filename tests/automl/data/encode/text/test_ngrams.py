"""Counting grams on arrays gives what counting them one by one gives."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode.text import ngrams
from automl.data.encode.text.ngrams import N_BUCKETS, count_grams

TEXTS = [
    "Check out my new channel!!! http://youtu.be/x?v=1_2",
    "",
    None,
    " \n\t ",
    "a",
    "a  b\na",
    "Привет, мир — как дела",
    "你好吗 我很好",
    "नमस्ते दुनिया",
    "so 😀😀 funny",
    "aaaaaaaa",
]


def words_one_by_one(text: str) -> Counter[str]:
    tokens = re.findall(r"[^\W\u2e80-\u9fff]+|[^\w\s]|[\u2e80-\u9fff]", text)
    pairs = [f"{a} {b}" for a, b in pairwise(tokens)]
    return Counter(tokens + pairs)


def chars_one_by_one(text: str) -> Counter[str]:
    words = [f" {word} " for word in text.split()]
    return Counter(
        word[i : i + n] for word in words for n in (2, 3, 4) for i in range(len(word) - n + 1)
    )


@pytest.mark.parametrize(
    ("grams", "one_by_one"), [("words", words_one_by_one), ("chars", chars_one_by_one)]
)
def test_counts_are_those_of_counting_one_by_one(grams, one_by_one):
    texts = [text for text in TEXTS if text != "नमस्ते दुनिया" or grams == "chars"]
    matrix = count_grams(pa.array(texts), grams)
    assert matrix.shape == (len(texts), N_BUCKETS)
    assert matrix.has_sorted_indices
    for row, text in zip(matrix, texts, strict=True):
        assert sorted(row.data) == sorted(one_by_one((text or "").lower()).values())


def test_equal_grams_of_different_texts_share_a_column():
    matrix = count_grams(pa.array(["red tea", "tea red", "green"]), "words")
    first, second, third = (set(row.indices) for row in matrix)
    assert len(first & second) == 2  # the words, but not the pairs
    assert not (first | second) & third


def test_case_accents_and_forms_of_a_letter_do_not_matter():
    same = ["Café", "CAFE", "cafe\u0301", "ｃａｆｅ", "𝐜𝐚𝐟𝐞"]
    for grams in ("words", "chars"):
        matrix = count_grams(pa.array(same), grams)
        assert all((matrix[0] != row).nnz == 0 for row in matrix)


def test_marks_that_make_vowels_do_not_split_words():
    assert count_grams(pa.array(["नमस्ते"]), "words").nnz == 1


def test_a_text_cut_into_chunks_is_counted_alike(monkeypatch):
    values = pa.array([f"text number {i} of {i % 7}" for i in range(50)])
    whole = count_grams(values, "chars")
    monkeypatch.setattr(ngrams, "CHUNK_CHARACTERS", 40)
    assert (count_grams(values, "chars") != whole).nnz == 0


def test_only_the_start_of_a_very_long_text_is_read(monkeypatch):
    monkeypatch.setattr(ngrams, "MAX_CHARACTERS", 1_000)
    long = "word " * 200_000
    assert (
        count_grams(pa.array([long]), "words") != count_grams(pa.array([long[:1000]]), "words")
    ).nnz == 0


def test_no_text_has_no_rows():
    for grams in ("words", "chars"):
        assert count_grams(pa.array([], pa.string()), grams).shape == (0, N_BUCKETS)


def test_hashes_spread_evenly():
    values = pa.array([f"{a}{b}" for a in "abcdefghij" for b in range(2_000)])
    columns = count_grams(values, "words").indices
    assert len(np.unique(columns)) > 0.98 * len(columns)
