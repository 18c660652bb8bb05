"""Folders of models: which are taken, which are refused and why, and how one is known again."""

import json
import shutil

import pytest

pytest.importorskip("sentence_transformers")

from automl_plugins.torch.text.sentence_folder import fingerprint, problem_with, size_of


@pytest.fixture
def model(static_model, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(static_model, tmp_path / "copy")


def test_models_with_and_without_layers_are_taken(static_model, transformer_model):
    assert problem_with(static_model) is None
    assert problem_with(transformer_model) is None


def test_a_folder_must_be_there(tmp_path):
    assert f"there is no folder {tmp_path / 'none'}" in problem_with(tmp_path / "none")


@pytest.mark.parametrize("content", [None, "no JSON", "[1]", '{"a": 1}', '[{"path": ""}]'])
def test_a_folder_without_a_list_of_modules_is_no_model(model, content):
    (model / "modules.json").unlink()
    if content is not None:
        (model / "modules.json").write_text(content)
    assert "is not a folder saved by sentence-transformers" in problem_with(model)


def test_damaged_weights_are_told(model):
    (model / "model.safetensors").write_bytes(b"\xff" * 100)
    assert "is not a safetensors file" in problem_with(model)


@pytest.mark.parametrize("kind", ["evil.Module", "os.system", "sentence_transformers_evil.A"])
def test_modules_from_elsewhere_are_refused(model, kind):
    modules = json.loads((model / "modules.json").read_text())
    (model / "modules.json").write_text(json.dumps([*modules, {**modules[0], "type": kind}]))
    assert f"needs {kind}: code outside of the library is never run" in problem_with(model)


def test_models_that_do_not_embed_single_texts_are_refused(model):
    (model / "config_sentence_transformers.json").write_text('{"model_type": "CrossEncoder"}')
    assert "is a CrossEncoder" in problem_with(model)


def test_weights_that_may_be_pickles_are_refused(model):
    pickled = model / "pytorch_model.bin"
    pickled.touch()
    assert problem_with(model) is None  # those beside it are read
    (model / "model.safetensors").unlink()
    assert f"{pickled} may be a pickle" in problem_with(model)
    pickled.unlink()
    assert "no weights in safetensors files" in problem_with(model)


def test_what_a_model_takes_is_read_from_its_headers(static_model, transformer_model):
    static, transformer = size_of(static_model), size_of(transformer_model)
    assert static.n_products == 0
    assert (static.width, transformer.width) == (24, 16)
    layer = 4 * 16 * 16 + 2 * 16 * 32
    assert 2 * layer < transformer.n_products < 3 * layer
    assert transformer.most_tokens == 32
    assert 0 < transformer.weights_gib < 1e-3


def test_a_model_is_known_by_all_that_decides_on_its_embeddings(model, static_model, tmp_path):
    known = fingerprint(static_model)
    assert fingerprint(model) == known
    (model / "README.md").write_text("about it")
    (model / ".cache").mkdir()
    (model / ".cache" / "download.json").write_text("{}")
    assert fingerprint(model) == known
    vocabulary = (model / "tokenizer.json").read_text()
    (model / "tokenizer.json").write_text(vocabulary.replace("tiny0", "tinyx"))
    assert fingerprint(model) != known
