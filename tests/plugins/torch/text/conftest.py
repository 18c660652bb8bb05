"""Small models of sentence-transformers, made on the spot and saved as theirs are."""

import pytest

WORDS = [f"{size}{i}" for size in ("tiny", "small", "medium", "large", "huge") for i in range(40)]
WORDS += ["good", "fine", "nice", "bad", "poor", "sad", "the", "a", "was", "it", "place", "meal"]
WIDTH = 24


def tokenizer():
    """One token for each known word."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def save_static(folder, seed=0):
    """A vector for each word; those of a text are averaged."""
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    weights = np.random.default_rng(seed).normal(size=(len(WORDS) + 2, WIDTH))
    module = StaticEmbedding(tokenizer(), embedding_weights=weights.astype(np.float32))
    SentenceTransformer(modules=[module], device="cpu").save(str(folder), create_model_card=False)
    return folder


def save_transformer(folder):
    """Two layers of a BERT, and the mean over its tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    config = BertConfig(
        vocab_size=len(WORDS) + 2,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    bare = folder / "bare"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(bare)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer(), model_max_length=32, **names)
    fast.save_pretrained(bare)
    modules = [Transformer(str(bare)), Pooling(16)]
    path = folder / "model"
    SentenceTransformer(modules=modules, device="cpu").save(str(path), create_model_card=False)
    return path


@pytest.fixture(scope="session")
def static_model(tmp_path_factory):
    """Folder of a model without layers."""
    return save_static(tmp_path_factory.mktemp("static"))


@pytest.fixture(scope="session")
def transformer_model(tmp_path_factory):
    """Folder of a small transformer."""
    return save_transformer(tmp_path_factory.mktemp("transformer"))


@pytest.fixture
def other_model(tmp_path):
    """Folder of a model with other weights than ``static_model``."""
    return save_static(tmp_path / "other", seed=1)
