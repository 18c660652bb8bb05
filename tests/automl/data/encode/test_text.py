"""Text as TF-IDF and its components."""

from __future__ import annotations

import numpy as np
import pytest

from automl.plugin import View

WORDS = np.array([f"word{i}" for i in range(60)])


def spam(n_rows=200, seed=0):
    """Texts in which every other row holds a telling word."""
    rng = np.random.default_rng(seed)
    return [
        " ".join([*rng.choice(WORDS, rng.integers(3, 9)), "Café" if i % 2 else "tea"])
        for i in range(n_rows)
    ]


def test_svd_gives_few_dense_columns_that_hold_the_signal(table, fit):
    data = table(("text", spam()))
    encoder, X = fit(data)
    names = encoder.features.names
    assert names[:2] == ("c0_length", "c0_words")
    assert sum("svd" in name for name in names) == 32
    assert isinstance(X, np.ndarray)
    is_cafe = np.arange(200) % 2
    line = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), is_cafe, rcond=None)[0]
    assert np.mean(((X @ line[:-1] + line[-1]) > 0.5) == is_cafe) > 0.95


def test_the_same_text_is_encoded_alike_in_training_and_later(table, fit):
    data = table(("text", spam()))
    for view in (View(), View(text="tfidf", sparse=True)):
        encoder, X = fit(data, view)
        again = encoder.transform(data)
        if not isinstance(X, np.ndarray):
            X, again = X.toarray(), again.toarray()
        np.testing.assert_array_equal(X, again)


def test_tfidf_is_sparse_and_counts_words_and_pairs_without_accents(table, fit):
    encoder, X = fit(table(("text", spam())), View(text="tfidf", sparse=True))
    assert type(X).__name__ == "csr_matrix"
    assert X.dtype == np.float32
    (block,) = encoder.blocks
    assert "cafe" in block.terms
    assert any(" " in term for term in block.terms)
    rows = X.toarray()[:, 2:]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


def test_tfidf_without_sparse_is_refused(table, fit):
    from automl.errors import PluginError

    with pytest.raises(PluginError, match="sparse=True"):
        fit(table(("text", spam())), View(text="tfidf"))


def test_text_can_be_left_out(table, fit):
    data = table(("text", spam()), ("numeric", range(200)))
    assert fit(data, View(text="drop"))[0].features.names == ("c1",)


@pytest.mark.parametrize(
    "texts",
    [
        ["?!", "...", "", None, "--", "? ?"],
        ["a", "b", "c d", "e", "f", "g h"],
        [f"only{i}" for i in range(30)],
        ["one two"] * 5 + [None],
    ],
)
@pytest.mark.parametrize("view", [View(), View("standard"), View(text="tfidf", sparse=True)])
def test_texts_with_few_or_no_terms_do_not_fail(table, fit, texts, view):
    data = table(("text", texts))
    encoder, X = fit(data, view)
    assert X.shape == (len(texts), len(encoder.features.names))
    assert encoder.transform(table(("text", ["other words", None]))).shape[0] == 2


def test_missing_text_is_told_and_has_no_terms(table, fit):
    encoder, X = fit(table(("text", [*spam(), None])))
    assert np.isnan(X[-1, :2]).all()
    assert (X[-1, 2:] == 0).all()
    encoder, X = fit(table(("text", [*spam(), None])), View("standard"))
    assert np.flatnonzero(X[:, encoder.features.names.index("c0_length_is_missing")]) == [200]
    assert np.isfinite(X).all()


def test_components_of_scaled_views_have_mean_variance_1(table, fit):
    encoder, X = fit(table(("text", spam())), View("standard"))
    svd = [i for i, name in enumerate(encoder.features.names) if "svd" in name]
    assert X[:, svd].var(axis=0).mean() == pytest.approx(1, rel=1e-3)
