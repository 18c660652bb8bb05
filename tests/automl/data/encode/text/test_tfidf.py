"""Weights of terms are those of scikit-learn, whose terms have names in place of hashes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode.text import tfidf
from automl.data.encode.text.ngrams import count_grams
from automl.data.encode.text.tfidf import Tfidf, fit_tfidf

TEXTS = [
    f"the {a} sat on {b} {'and ' * (i % 3)}slept" for i, a in enumerate("abcdefg") for b in "xyz"
]


@pytest.mark.parametrize(
    ("grams", "options"),
    [
        ("words", {"ngram_range": (1, 2), "token_pattern": r"\w+"}),
        ("chars", {"ngram_range": (2, 4), "analyzer": "char_wb"}),
    ],
)
def test_likeness_of_texts_is_that_of_scikit_learn(grams, options):
    from sklearn.feature_extraction.text import TfidfVectorizer

    counts = count_grams(pa.array(TEXTS), grams)
    fitted = fit_tfidf(counts, grams)
    ours = fitted.weigh(counts)
    theirs = TfidfVectorizer(sublinear_tf=True, min_df=2, **options).fit_transform(TEXTS)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-5)


def test_terms_of_one_text_alone_are_left_out_where_there_are_enough_texts():
    few = fit_tfidf(count_grams(pa.array(["a b", "a c"]), "words"), "words")
    assert len(few.buckets) == 5
    many = fit_tfidf(count_grams(pa.array([*["a b"] * 20, "a c"]), "words"), "words")
    assert len(many.buckets) == 3


def test_the_most_frequent_terms_are_kept(monkeypatch):
    monkeypatch.setattr(tfidf, "MAX_TERMS", {"words": 2, "chars": 2})
    counts = count_grams(pa.array(["a", "a b", "a b", "c"] * 10), "words")
    fitted = fit_tfidf(counts, "words")
    assert np.bincount(counts.indices)[fitted.buckets].tolist() in ([20, 30], [30, 20])


def test_no_terms_no_weights():
    assert fit_tfidf(count_grams(pa.array(["", None, " "]), "words"), "words") is None


def test_unknown_terms_have_no_weight():
    fitted = fit_tfidf(count_grams(pa.array(["a b"]), "words"), "words")
    assert fitted.transform(pa.array(["c d", None])).nnz == 0


def test_what_is_kept_builds_an_equal_one():
    fitted = fit_tfidf(count_grams(pa.array(TEXTS), "chars"), "chars")
    again = Tfidf.from_state(*fitted.state())
    assert (again.transform(pa.array(TEXTS)) != fitted.transform(pa.array(TEXTS))).nnz == 0
