"""Text as TF-IDF and its components."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode import TableEncoder
from automl.data.encode.text import projection
from automl.data.encode.text import text_encoder as text
from automl.plugin import ColumnKind, Encoding, Task

WORDS = np.array([f"word{i}" for i in range(60)])


def spam(n_rows=200, seed=0):
    """Texts in which every other row holds a telling word."""
    rng = np.random.default_rng(seed)
    return [
        " ".join([*rng.choice(WORDS, rng.integers(3, 9)), "Café" if i % 2 else "tea"])
        for i in range(n_rows)
    ]


def scores(encoder):
    return [i for i, name in enumerate(encoder.features.names) if "score" in name]


def test_dense_columns_are_few_and_hold_the_signal(table, fit):
    encoder, X = fit(table(("text", spam())))
    names = encoder.features.names
    assert names[:4] == ("c0_length", "c0_words", "c0_digits", "c0_capitals")
    assert isinstance(X, np.ndarray)
    assert len(names) < 10
    (score,) = scores(encoder)
    is_cafe = np.arange(200) % 2
    assert np.mean((X[:, score] > 0.5) == is_cafe) > 0.95


def test_long_texts_have_more_components_than_short_ones(table, fit):
    rng = np.random.default_rng(0)
    count = [
        sum("svd" in name for name in fit(table(("text", texts)))[0].features.names)
        for texts in (
            [" ".join(rng.choice(WORDS, 4)) for _ in range(60)],
            [" ".join(rng.choice(WORDS, 12)) for _ in range(60)],
            [" ".join(rng.choice(WORDS, 90)) for _ in range(60)],
        )
    ]
    assert count == [0, 4, 16]


def test_scores_do_not_give_the_target_of_a_row_away(table, fit):
    texts = [f"unique{i} word{i}" for i in range(300)]
    y = np.random.default_rng(0).integers(0, 2, 300)
    encoder, X = fit(table(("text", texts)), y=y)
    (score,) = scores(encoder)
    assert abs(np.corrcoef(X[:, score], y)[0, 1]) < 0.2
    encoder, X = fit(table(("text", spam())), y=np.random.default_rng(1).integers(0, 2, 200))
    assert abs(np.corrcoef(X[:, scores(encoder)[0]], y[:200])[0, 1]) < 0.2


def test_scores_are_of_values_and_of_each_class(table, fit):
    texts = [f"{'good' if i % 3 else 'bad'} {WORDS[i % 60]}" for i in range(120)]
    value = np.arange(120) % 3 * 10.0
    encoder, X = fit(table(("text", texts)), y=value, task=Task.REGRESSION, n_classes=0)
    (score,) = scores(encoder)
    assert X[value == 0, score].max() < X[value > 0, score].min()
    encoder, X = fit(
        table(("text", texts)), y=np.arange(120) % 3, task=Task.MULTICLASS, n_classes=3
    )
    assert len(scores(encoder)) == 3


@pytest.mark.parametrize(
    "view", [Encoding(), Encoding("quantile"), Encoding("quantile", text="tfidf", sparse=True)]
)
def test_the_same_text_is_encoded_alike_in_training_and_later(table, fit, view):
    data = table(("text", spam()))
    encoder, X = fit(data, view)
    again = encoder.transform(data)
    if not isinstance(X, np.ndarray):
        X, again = X.toarray(), again.toarray()
    out_of_fold = scores(encoder)
    np.testing.assert_allclose(
        np.delete(X, out_of_fold, axis=1),
        np.delete(again, out_of_fold, axis=1),
        rtol=1e-5,
        atol=1e-5,
    )


def test_tfidf_is_sparse_words_beside_characters_each_of_length_1(table, fit):
    encoder, X = fit(table(("text", spam())), Encoding(text="tfidf", sparse=True))
    assert type(X).__name__ == "csr_matrix"
    assert X.dtype == np.float32
    (block,) = encoder.blocks
    assert [part.grams for part in block.terms] == ["words", "chars"]
    rows = X.toarray()
    n_words = len(block.terms[0].buckets)
    for part in (rows[:, :n_words], rows[:, n_words:]):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, rtol=1e-5)


def test_much_text_is_counted_by_words_alone(table, fit, monkeypatch):
    monkeypatch.setattr(text, "MOST_CHARACTERS", 1_000)
    encoder, _ = fit(table(("text", spam())), Encoding(text="tfidf", sparse=True))
    assert [part.grams for part in encoder.blocks[0].terms] == ["words"]


def test_scores_are_learnt_from_a_sample_of_many_texts(table, fit, monkeypatch):
    monkeypatch.setattr(projection, "MAX_ROWS", 100)
    encoder, X = fit(table(("text", spam(400))))
    (score,) = scores(encoder)
    assert np.mean((X[:, score] > 0.5) == np.arange(400) % 2) > 0.95


def test_a_text_fitted_before_gives_the_same_as_one_fitted_now(table, fit):
    data = table(("text", [*spam(), None]), ("numeric", range(201)))
    for encoding in (Encoding("standard"), Encoding("quantile", text="tfidf", sparse=True)):
        of_texts = Encoding(text=encoding.text, sparse=encoding.sparse)
        first, train = fit(data, of_texts, kinds=frozenset({ColumnKind.TEXT}))
        known = first.fitted_blocks(train)
        (one, X), (two, Z) = fit(data, encoding), fit(data, encoding, texts=known)
        assert one.features == two.features
        assert (abs(X - Z)).max() < 1e-6
        assert (abs(one.transform(data) - two.transform(data))).max() < 1e-6


def test_tfidf_without_sparse_is_refused(table, fit):
    from automl.errors import PluginError

    with pytest.raises(PluginError, match="sparse=True"):
        fit(table(("text", spam())), Encoding(text="tfidf"))


def test_text_can_be_left_out(table, fit):
    data = table(("text", spam()), ("numeric", range(200)))
    assert fit(data, Encoding(text="drop"))[0].features.names == ("c1",)


HARD = [
    ["?!", "...", "", None, "--", "? ?"],
    ["a", "b", "c d", "e", "f", "g h"],
    [f"only{i}" for i in range(30)],
    ["one two"] * 5 + [None],
    ["one two"] * 6,
    [None] * 5 + ["one"],
    [""] * 5 + [None],
    ["Привет, мир", "你好吗", "नमस्ते दुनिया", "مرحبا بالعالم", "สวัสดีชาวโลก", "שלום עולם"],
    ["😀", "😀😀", "👩‍👩‍👧", "🇩🇪", "❤️", "😀"],
    ["https://example.org/a?b=c&d=1", "www.example.org", "a@b.c", "#tag", "C:\\x\\y", "1.2.3.4"],
    ["x" * 1_000_000, "word " * 200_000, "tiny", "\x00\x1f", "\u200b\ufeff", "\n\n"],
]


@pytest.mark.parametrize("texts", HARD)
@pytest.mark.parametrize(
    "view", [Encoding(), Encoding("standard"), Encoding(text="tfidf", sparse=True)]
)
def test_texts_with_few_or_no_terms_do_not_fail(table, fit, texts, view):
    data = table(("text", texts))
    encoder, X = fit(data, view)
    assert X.shape == (len(texts), len(encoder.features.names))
    stored = X if isinstance(X, np.ndarray) else X.data
    assert not np.isinf(stored).any()
    assert view.numeric == "raw" or np.isfinite(stored).all()
    assert encoder.transform(table(("text", ["other words", None]))).shape[0] == 2


def test_missing_text_is_told_and_has_no_terms(table, fit):
    encoder, X = fit(table(("text", [*spam(), None])))
    names = encoder.features.names
    assert np.isnan(X[-1, :4]).all()
    assert (X[-1, [i for i, name in enumerate(names) if "svd" in name]] == 0).all()
    encoder, X = fit(table(("text", [*spam(), None])), Encoding("standard"))
    assert np.flatnonzero(X[:, encoder.features.names.index("c0_length_is_missing")]) == [200]
    assert np.isfinite(X).all()


def test_a_text_of_unseen_words_has_no_terms(table, fit):
    encoder, _ = fit(table(("text", spam())), Encoding(text="tfidf", sparse=True))
    X = encoder.transform(table(("text", ["ЖЖЖ ЩЩЩ"])))
    assert X.nnz == 0


def test_several_text_columns_have_blocks_of_their_own(table, fit):
    data = table(("text", spam()), ("text", spam(seed=1)))
    for encoding in (Encoding(), Encoding(text="tfidf", sparse=True)):
        names = fit(data, encoding)[0].features.names
        assert {name.split("_")[0] for name in names} == {"c0", "c1"}


def test_columns_of_scaled_views_have_like_scales(table, fit):
    encoder, X = fit(table(("text", spam())), Encoding("standard"))
    names = encoder.features.names
    svd = [i for i, name in enumerate(names) if "svd" in name]
    assert X[:, svd].var(axis=0).mean() == pytest.approx(1, rel=1e-3)
    (score,) = scores(encoder)
    assert (X[:, score].mean(), X[:, score].std()) == pytest.approx((0, 1), abs=1e-4)


def test_fitting_twice_gives_equal_columns_whose_signs_are_fixed(table, fit):
    data = table(("text", spam()))
    one, two = fit(data)[1], fit(data)[1]
    np.testing.assert_array_equal(one, two)
    encoder, _ = fit(data)
    weights = encoder.blocks[0].projection.weights[:-1]
    assert (weights[np.arange(len(weights)), np.abs(weights).argmax(axis=1)] > 0).all()


def test_texts_and_their_encoder_survive_being_saved(table, fit, tmp_path):
    data = table(("text", [*spam(), None]))
    for number, encoding in enumerate(
        (Encoding("standard"), Encoding("standard", text="tfidf", sparse=True))
    ):
        encoder, _ = fit(data, encoding)
        encoder.save(tmp_path / str(number))
        again = TableEncoder.load(tmp_path / str(number))
        assert (abs(again.transform(data) - encoder.transform(data))).max() == 0


def test_traits_are_logarithms_of_sizes_and_shares_of_characters():
    texts = pa.array(["Is it 42?", "", None, "ЖЖ ж", "😀!", "  "])
    table = {name: text.text_statistic(name, texts) for name in text.TRAITS}
    np.testing.assert_allclose(np.expm1(table["length"]), [9, 0, np.nan, 4, 2, 2])
    np.testing.assert_allclose(np.expm1(table["words"]), [3, 0, np.nan, 2, 1, 0])
    np.testing.assert_allclose(table["digits"], [2 / 9, 0, np.nan, 0, 0, 0])
    np.testing.assert_allclose(table["capitals"], [1 / 9, 0, np.nan, 0.5, 0, 0])
    np.testing.assert_allclose(table["signs"], [1 / 9, 0, np.nan, 0, 1, 0])
