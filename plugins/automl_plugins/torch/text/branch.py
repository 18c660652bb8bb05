"""Branch of a net that reads a text column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from automl.plugin import Rows, Texts
from automl_plugins.torch.media.branch import Branch
from automl_plugins.torch.sequences.inputs import masked_maximum, masked_mean
from automl_plugins.torch.sequences.rnn_net import Reader
from automl_plugins.torch.text.tokens import N_RESERVED, Tokens, known_pieces, tokens_of
from automl_plugins.torch.text.words import split_texts

__all__ = ["TextBranch", "TextSpec", "has_pairs", "pieces_of"]

_MOST_WORDS = {"bag": 512, "cnn": 256, "rnn": 256}  # words read per text
_FILTER_LENGTHS = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class TextSpec:
    """Reading of a text column.

    Attributes:
        n_pieces: Known pieces of words.
        encoder: Encoder of word vectors: ``bag``, ``cnn`` or ``rnn``.
        embedding: Size of a word vector.
        width: Filters per length, or size of the state per direction; unused by a bag.
        word_dropout: Share of words dropped in training.
    """

    n_pieces: int
    encoder: str
    embedding: int
    width: int
    word_dropout: float


def has_pairs(encoder: str) -> bool:
    """True if the encoder needs pairs of neighbouring words as input."""
    return encoder == "bag"


def pieces_of(texts: Texts, encoder: str) -> NDArray[np.int64]:
    """Hashes of the pieces known from training rows, ascending."""
    return known_pieces(split_texts(texts.read(), has_pairs(encoder)))


class TextBranch(Branch):
    """Word vectors, each the mean of its known pieces, and an encoder.

    Shape:
        Arrays of a ``TokenBatch`` to ``(n_rows, n_features)``.

    Args:
        spec: How the column is read.
        number: Number of the text column.
    """

    hashes: Tensor

    def __init__(self, spec: TextSpec, number: int) -> None:
        super().__init__()
        self.spec, self.number = spec, number
        self.register_buffer("hashes", torch.zeros(spec.n_pieces, dtype=torch.int64))
        self.pieces = nn.EmbeddingBag(N_RESERVED + spec.n_pieces, spec.embedding, mode="mean")
        nn.init.normal_(self.pieces.weight, std=spec.embedding**-0.5)
        self.encoder = _encoder(spec)
        self.n_features: int = self.encoder.n_features

    def prepare(self, hashes: NDArray[np.int64]) -> None:
        """Sets the known pieces, from ``pieces_of``."""
        self.hashes.copy_(torch.from_numpy(hashes))

    def column_of(self, rows: Rows) -> Tokens:
        """The texts as known pieces."""
        words = split_texts(rows.texts[self.number].read(), has_pairs(self.spec.encoder))
        return tokens_of(words, self.hashes.cpu().numpy())

    def inputs_of(self, column: Tokens, device: torch.device) -> tuple[Tensor, ...]:
        """Pieces, starts and words of a batch."""
        batch = column.batch(_MOST_WORDS[self.spec.encoder])
        arrays = (batch.pieces, batch.starts, batch.words)
        return tuple(torch.from_numpy(array).to(device) for array in arrays)

    def forward(self, pieces: Tensor, starts: Tensor, words: Tensor) -> Tensor:
        """Features."""
        steps = functional.embedding(words, self.pieces(pieces, starts))
        mask = (words > 0)[..., None].to(steps.dtype)
        seen = functional.dropout(mask, self.spec.word_dropout, self.training)
        features: Tensor = self.encoder(steps * seen, mask)
        return features


def _encoder(spec: TextSpec) -> _Bag | _Convolutions | Reader:
    if spec.encoder == "bag":
        return _Bag(spec.embedding)
    if spec.encoder == "cnn":
        return _Convolutions(spec.embedding, spec.width)
    return Reader(
        spec.embedding, cell="gru", width=spec.width, n_layers=1, both_ways=True, dropout=0.0
    )


class _Bag(nn.Module):
    """Mean and maximum over the words, ignoring order (Shen et al. 2018, arXiv 1805.09843)."""

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.n_features = 2 * n_inputs

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        return torch.cat((masked_mean(steps, mask), masked_maximum(steps, mask)), dim=-1)


class _Convolutions(nn.Module):
    """Filters over runs of words, with the maximum over the text (Kim 2014, arXiv 1408.5882)."""

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.filters = nn.ModuleList(nn.Conv1d(n_inputs, width, n) for n in _FILTER_LENGTHS)
        self.n_features = width * len(_FILTER_LENGTHS)

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        words, found = (steps * mask).transpose(1, 2), []
        for length, filters in zip(_FILTER_LENGTHS, self.filters, strict=True):
            maps = filters(functional.pad(words, ((length - 1) // 2, length // 2)))
            found.append(masked_maximum(functional.relu(maps).transpose(1, 2), mask))
        return torch.cat(found, dim=-1)
