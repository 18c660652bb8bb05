"""Linear models of embeddings: what they learn, what a run embeds, and what an artifact needs."""

import shutil
import time
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("sentence_transformers")

from automl.plugin import Features, Fold, ProblemInfo, StageLog, Task, Texts, TrialContext
from automl.testing import LOG_LOSS, RecordingReport
from automl_plugins.torch.text import sentence_encoder as _sentence_encoder
from automl_plugins.torch.text.sentence_encoder import SentenceModel
from automl_plugins.torch.text.sentence_fit import (
    FOLDER_VARIABLE,
    Scaling,
    SentencesModel,
    fit_sentences,
)
from automl_plugins.torch.text.sentences import Sentences

SENTENCES = Sentences()
PARAMS = {"C": 3.0, "scaling": "standard"}
GOOD, BAD = ["good", "fine", "nice"], ["bad", "poor", "sad"]


@dataclass
class Head:
    """A linear model that was stopped early."""

    stages: tuple = ()


def test_what_its_linear_model_has_logged_scores_it():
    log = StageLog(LOG_LOSS)
    log.add(0.5, np.zeros((3, 2)))
    assert SentencesModel(None, (), Head((log,))).stages == (log,)
    assert SentencesModel(None, (), object()).stages == ()


def told_fold(number=0, n_rows=160):
    """Texts that praise or blame, beside a column that says little."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n_rows)
    said = [rng.choice(GOOD if praised else BAD) for praised in y]
    texts = pa.array([f"the meal{i % 7} was {word}" for i, word in enumerate(said)], pa.string())
    X = (rng.normal(size=(n_rows, 1)) + 0.3 * y[:, np.newaxis]).astype(np.float32)
    valid = np.arange(n_rows) % 4 == number
    train, held = np.flatnonzero(~valid), np.flatnonzero(valid)
    return Fold(
        X_train=X[train],
        y_train=y[train],
        weight_train=None,
        X_valid=X[held],
        y_valid=y[held],
        weight_valid=None,
        features=Features(("c0",)),
        index=number,
        texts_train=(Texts(texts, train),),
        texts_valid=(Texts(texts, held),),
    )


def fitted(folder, fold, slot=(), **changes):
    told = ProblemInfo(Task.BINARY, LOG_LOSS, 160, 1, n_text=1, n_classes=2, text_bytes=(20.0,))
    told = replace(told, settings={"model": str(folder)})
    context = TrialContext(told, seed=0, **dict(slot))
    return fit_sentences(folder, {**PARAMS, **changes}, fold, context, RecordingReport())


@pytest.mark.parametrize("scaling", ["standard", "length"])
def test_texts_tell_what_the_other_columns_do_not(static_model, scaling):
    fold = told_fold()
    model = fitted(static_model, fold, scaling=scaling)
    assert (model.predict(fold.valid).argmax(axis=1) == fold.y_valid).mean() > 0.95
    silent = Texts(pa.array(["the meal"] * 160, pa.string()), fold.texts_valid[0].index)
    without = model.predict(replace(fold.valid, texts=(silent,)))
    assert (without.argmax(axis=1) == fold.y_valid).mean() < 0.8


def test_a_run_embeds_each_text_once_for_all_folds_and_fits(static_model, tmp_path, monkeypatch):
    seen, embed = [], SentenceModel.embed_texts
    monkeypatch.setattr(
        SentenceModel, "embed_texts", lambda self, texts: seen.extend(texts) or embed(self, texts)
    )
    for number in (0, 1):
        fold = told_fold(number)
        for C in (1.0, 10.0):
            model = fitted(static_model, replace(fold, run_cache_dir=tmp_path), C=C)
            prediction = model.predict(fold.valid)
            assert model.extra_predict_ms > 0
    assert len(seen) == len(set(seen)) == len(set(fold.texts_train[0].values.to_pylist()))
    alone = fitted(static_model, fold, C=10.0)
    np.testing.assert_allclose(alone.predict(fold.valid), prediction, atol=1e-5)


def test_a_fit_of_a_run_loads_no_model_where_all_is_embedded(static_model, tmp_path, monkeypatch):
    fold = replace(told_fold(), run_cache_dir=tmp_path)
    first = fitted(static_model, fold).predict(fold.valid)

    def refuse(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("automl_plugins.torch.text.sentence_fit.open_encoder", refuse)
    np.testing.assert_array_equal(fitted(static_model, fold).predict(fold.valid), first)


def test_a_fit_without_time_learns_from_what_is_embedded(static_model, tmp_path, monkeypatch):
    monkeypatch.setattr(_sentence_encoder, "LEAST_CHUNK", 1)
    fold = replace(told_fold(), run_cache_dir=tmp_path)
    for n_known in (1, 2, 3):
        model = fitted(static_model, fold, {"deadline": time.monotonic()})
        assert np.isfinite(model.predict(fold.valid)).all()
        assert len(list(tmp_path.glob("*/*.npz"))) == n_known
    right = fitted(static_model, fold).predict(fold.valid).argmax(axis=1) == fold.y_valid
    assert right.mean() > 0.95


@pytest.mark.parametrize("by_length", [False, True])
def test_scaled_embeddings_vary_by_1_altogether(by_length):
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(300, 5)) * [1, 2, 3, 4, 0] + 7).astype(np.float32)
    weight = rng.uniform(0.5, 2.0, size=300)
    features = Scaling.fitted(vectors, weight, by_length).features(vectors)
    mean = np.average(features, axis=0, weights=weight)
    variance = np.average((features - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    if by_length:
        assert variance.sum() == pytest.approx(1.0, rel=1e-3)
    else:
        np.testing.assert_allclose(variance, [0.2, 0.2, 0.2, 0.2, 0], rtol=1e-3)


def test_rows_that_are_not_embedded_are_as_the_mean():
    vectors = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    some = np.where(np.arange(30)[:, np.newaxis] < 10, np.nan, vectors)
    for by_length in (False, True):
        scaling = Scaling.fitted(some, np.ones(30), by_length)
        alone = Scaling.fitted(vectors[10:], None, by_length)
        np.testing.assert_allclose(scaling.factor, alone.factor, rtol=1e-5)
        assert not scaling.features(some)[:10].any()
        assert not Scaling.fitted(some[:10], None, by_length).features(vectors).any()


def test_embeddings_that_are_all_the_same_say_nothing():
    constant = np.full((9, 4), 0.1, dtype=np.float32)
    for by_length in (False, True):
        assert not Scaling.fitted(constant, None, by_length).features(constant).any()


def test_an_artifact_needs_the_model_that_its_embeddings_are_of(
    static_model, other_model, tmp_path, monkeypatch
):
    fold, folder = told_fold(), tmp_path / "first"
    shutil.copytree(static_model, folder)
    model = fitted(folder, fold)
    (artifact := tmp_path / "artifact").mkdir()
    SENTENCES.save(model, artifact)
    assert sum(file.stat().st_size for file in artifact.iterdir()) < 10_000
    folder.rename(tmp_path / "second")
    with pytest.raises(ValueError, match=f"there is no folder {folder}.*{FOLDER_VARIABLE}"):
        SENTENCES.load(artifact)
    monkeypatch.setenv(FOLDER_VARIABLE, str(other_model))
    with pytest.raises(ValueError, match="holds another model"):
        SENTENCES.load(artifact)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "second"))
    again = SENTENCES.load(artifact).predict(fold.valid)
    np.testing.assert_array_equal(again, model.predict(fold.valid))
