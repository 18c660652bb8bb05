"""Embeddings: without a network or foreign code, once for each text, and kept by a run."""

import json
import shutil
import socket
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("sentence_transformers")

from sentence_transformers import SentenceTransformer

from automl.plugin import ProblemInfo, Task, Texts, TrialContext
from automl.testing import LOG_LOSS
from automl_plugins.torch.text import sentence_encoder as _sentence_encoder
from automl_plugins.torch.text.sentence_encoder import EmbeddingCache, SentenceModel, open_encoder
from automl_plugins.torch.text.sentence_folder import fingerprint

CONTEXT = TrialContext(ProblemInfo(Task.BINARY, LOG_LOSS, 40, 0, n_text=1, n_classes=2), seed=0)


def column(*texts):
    return Texts(pa.array(texts, pa.string()), np.arange(len(texts)))


def opened(folder):
    return open_encoder(folder, fingerprint(folder))


@pytest.fixture
def embedded(monkeypatch):
    """The texts that a model reads, in their order."""
    seen, embed = [], SentenceModel.embed_texts

    def watched(self, texts):
        seen.extend(texts)
        return embed(self, texts)

    monkeypatch.setattr(SentenceModel, "embed_texts", watched)
    return seen


@pytest.fixture
def kept(static_model, tmp_path, monkeypatch):
    """What a run keeps, in chunks of four texts."""
    monkeypatch.setattr(_sentence_encoder, "LEAST_CHUNK", 4)
    return EmbeddingCache(tmp_path, fingerprint(static_model))


def test_embeddings_are_those_of_the_library(transformer_model):
    texts = ["good meal", "it was a bad place", "the the the"]
    expected = SentenceTransformer(str(transformer_model), device="cpu").encode(texts)
    found = opened(transformer_model).embed(column(*texts))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_equal_texts_are_read_once_and_missing_ones_are_empty(static_model, embedded):
    texts = column("good", None, "bad", "good", "")
    encoder = opened(static_model)
    vectors = encoder.embed(texts)
    assert embedded == ["good", "", "bad"]
    np.testing.assert_array_equal(vectors[[0, 1]], vectors[[3, 4]])
    np.testing.assert_array_equal(encoder.embed(texts[[2, 0]]), vectors[[2, 0]])
    assert not opened(static_model).embed(column("", None)).any()


def test_the_same_texts_are_not_embedded_for_each_model_that_asks(static_model, embedded):
    for _ in range(3):
        opened(static_model).embed(column("nice", "meal"))
    assert embedded == ["nice", "meal"]


def test_embeddings_that_were_not_asked_for_lately_make_room(static_model, embedded, monkeypatch):
    monkeypatch.setattr(_sentence_encoder, "RECENT_BYTES", 2 * 24 * 4)
    encoder = opened(static_model)
    for word in ("sad", "poor", "fine", "sad"):
        encoder.embed(column(word))
    assert embedded == ["sad", "poor", "fine", "sad"]


@pytest.mark.parametrize("name", ["static_model", "transformer_model"])
def test_no_connection_is_opened(name, request, tmp_path, monkeypatch):
    folder = shutil.copytree(request.getfixturevalue(name), tmp_path / "copy")

    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert np.isfinite(opened(folder).embed(column("a good meal"))).all()


def test_code_in_the_folder_is_not_run(transformer_model, tmp_path):
    folder = shutil.copytree(transformer_model, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    opened(folder).embed(column("a good meal"))
    assert not (tmp_path / "was_run").exists()


def test_another_model_than_expected_is_refused(static_model, other_model, tmp_path):
    expected = fingerprint(static_model)
    with pytest.raises(ValueError, match="holds another model"):
        open_encoder(other_model, expected)
    with pytest.raises(ValueError, match="there is no folder"):
        open_encoder(tmp_path / "none", expected)


def test_a_run_keeps_what_was_embedded(static_model, kept, embedded):
    texts = column(*[f"tiny{i % 9} good" for i in range(20)])
    encoder = opened(static_model)
    assert kept.read(texts) is None
    kept.add(texts[:15], encoder, CONTEXT)
    kept.add(texts[5:], encoder, replace(CONTEXT, seed=1))
    assert sorted(embedded) == sorted({f"tiny{i} good" for i in range(9)})
    rows = [19, 3, 8, 8]
    vectors, seconds = kept.read(texts[rows])
    np.testing.assert_array_equal(vectors, encoder.embed(texts[rows]))
    assert seconds > 0


def test_other_texts_and_other_models_are_kept_apart(static_model, kept, tmp_path):
    kept.add(column("good"), opened(static_model), CONTEXT)
    assert kept.read(column("bad")) is None
    assert EmbeddingCache(tmp_path, "another").read(column("good")) is None
    assert kept.read(column("good")) is not None


def test_where_time_runs_out_the_next_fit_goes_on(static_model, kept, embedded):
    texts, encoder = column(*[f"huge{i}" for i in range(12)]), opened(static_model)
    late = replace(CONTEXT, deadline=time.monotonic())
    for n_known in (4, 8, 12):
        kept.add(texts, encoder, late)
        vectors, _ = kept.read(texts)
        assert (~np.isnan(vectors).any(axis=1)).sum() == n_known
        assert np.isnan(vectors).all(axis=1).sum() == 12 - n_known
    assert len(embedded) == len(set(embedded)) == 12
    np.testing.assert_array_equal(vectors, encoder.embed(texts))


def test_a_column_has_no_more_than_so_many_chunks(static_model, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(_sentence_encoder, "MOST_CHUNKS", 2)
    texts, encoder = column(*[f"huge{i}" for i in range(21)]), opened(static_model)
    kept.add(texts, encoder, CONTEXT)
    assert len(list(tmp_path.glob("*/*.npz"))) == 2
    np.testing.assert_array_equal(kept.read(texts)[0], encoder.embed(texts))
