"""Encoders of texts: padding, gradients, words that were never seen."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from automl.plugin import Rows, Texts
from automl_plugins.torch.text.branch import TextBranch, TextSpec, pieces_of

TEXTS = ["a good film", "bad", "", None, "not a good film, not at all good", "a bad film"]
each_encoder = pytest.mark.parametrize("encoder", ["bag", "cnn", "rnn"])


def rows_of(texts):
    column = Texts(pa.array(texts, pa.string()), np.arange(len(texts)))
    return Rows(np.zeros((len(texts), 1), dtype=np.float32), texts=(column,))


def part_of(encoder, word_dropout=0.0):
    torch.manual_seed(0)
    rows = rows_of(TEXTS * 4)
    hashes = pieces_of(rows.texts[0], encoder)
    part = TextBranch(TextSpec(len(hashes), encoder, 6, 5, word_dropout), 0)
    part.prepare(hashes)
    return part


def features(part, rows):
    return part(*part.inputs_of(part.column_of(rows), torch.device("cpu")))


@each_encoder
def test_padding_does_not_change_features(encoder):
    part, rows = part_of(encoder).eval(), rows_of(TEXTS)
    with torch.inference_mode():
        together = features(part, rows)
        assert together.shape == (len(TEXTS), part.n_features)
        for i in range(len(TEXTS)):
            torch.testing.assert_close(features(part, rows[[i]])[0], together[i])
        pieces, starts, words = part.inputs_of(part.column_of(rows), torch.device("cpu"))
        further = torch.nn.functional.pad(words, (0, 20))
        torch.testing.assert_close(part(pieces, starts, further), together)


@each_encoder
def test_gradients_reach_every_weight_and_the_vectors_of_the_pieces_that_are_there(encoder):
    part = part_of(encoder).train()
    rows = rows_of(TEXTS[:4])
    features(part, rows).sin().sum().backward()
    for name, parameter in part.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
    there = part.inputs_of(part.column_of(rows), torch.device("cpu"))[0].unique()
    moved = part.pieces.weight.grad.abs().sum(dim=1) > 0
    assert moved[there].float().mean() > 0.9
    assert set(moved.nonzero()[:, 0].tolist()) <= set(there.tolist())


@each_encoder
def test_empty_and_unknown_texts_have_features_of_their_own(encoder):
    part = part_of(encoder).eval()
    with torch.inference_mode():
        empty, missing, unknown, known, form = features(
            part, rows_of(["", None, "xyzzy", "film", "films"])
        )
    torch.testing.assert_close(empty, missing)
    assert not torch.allclose(empty, unknown)
    # A form that was never seen is nearer to the word than a word of which nothing is known.
    assert torch.dist(form, known) < torch.dist(unknown, known)


@each_encoder
def test_words_are_hidden_in_training_alone(encoder):
    part, rows = part_of(encoder, word_dropout=0.5), rows_of(TEXTS)
    with torch.inference_mode():
        part.train()
        assert not torch.equal(features(part, rows), features(part, rows))
        part.eval()
        assert torch.equal(features(part, rows), features(part, rows))
