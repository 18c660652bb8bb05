"""The family sentences: the public suite with a small model, and when it is tried."""

from dataclasses import replace

import pytest

pytest.importorskip("sentence_transformers")

from automl.plugin import ProblemInfo, Task
from automl.testing import LOG_LOSS, FamilyTestCase
from automl_plugins.torch.text.sentences import Sentences

SENTENCES = Sentences()


class TestSentences(FamilyTestCase):
    family = SENTENCES
    tasks = frozenset(Task) - {Task.QUANTILE}
    exact_weights = True


class TestSentencesOfQuantiles(FamilyTestCase):
    family = SENTENCES
    tasks = frozenset({Task.QUANTILE})


@pytest.fixture(autouse=True, scope="module")
def _name_the_model(static_model):
    TestSentences.settings = TestSentencesOfQuantiles.settings = {"model": str(static_model)}


def shape(model, **changes):
    made = ProblemInfo(Task.BINARY, LOG_LOSS, 2_000, 2, n_text=1, n_classes=2, text_bytes=(100.0,))
    return replace(made, settings={"model": str(model)}, **changes)


def test_tables_without_texts_are_refused(static_model):
    bare = shape(static_model, n_text=0, text_bytes=())
    assert "needs a text column" in SENTENCES.unsupported_reason(bare)


def test_a_model_must_be_named(static_model, tmp_path):
    assert "set model.sentences.model to the folder" in SENTENCES.unsupported_reason(shape(""))
    assert "there is no folder" in SENTENCES.unsupported_reason(shape(tmp_path / "nowhere"))
    assert SENTENCES.unsupported_reason(shape(static_model)) is None


def test_a_folder_may_be_named_from_the_current_one(static_model, monkeypatch):
    monkeypatch.chdir(static_model.parent)
    assert SENTENCES.unsupported_reason(shape(static_model.name)) is None


def test_more_texts_than_there_is_time_for_are_refused(transformer_model):
    many = shape(transformer_model, n_rows=1_000_000)
    assert SENTENCES.unsupported_reason(many) is None
    assert SENTENCES.unsupported_reason(replace(many, time_s=36_000.0)) is None
    assert "to embed the texts of 1,000,000 rows" in SENTENCES.unsupported_reason(
        replace(many, time_s=60.0)
    )


def test_what_a_fit_takes_grows_with_the_model_and_the_rows(static_model, transformer_model):
    small, large = (SENTENCES.resources(shape(static_model, n_rows=n)) for n in (10**3, 10**6))
    assert large.ram_gib > small.ram_gib + 0.3
    assert small.n_gpus == 0
    assert 0 < SENTENCES.resources(shape(static_model, n_gpus=1)).n_gpus < 1
    static_s, transformer_s = (
        SENTENCES.min_useful_fit_s(shape(m)) for m in (static_model, transformer_model)
    )
    assert 0 < static_s < transformer_s
