"""Converts texts to the pieces known from training, in batches for an embedding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_plugins.torch.text.words import Words, ragged_take

__all__ = ["N_RESERVED", "TokenBatch", "Tokens", "known_pieces", "tokens_of"]

UNKNOWN, EMPTY = 0, 1
N_RESERVED = 2
"""Rows of the embedding for words without a known piece, and for texts without words."""

_MOST_PIECES = 30_000
_FEWEST_TEXTS_FOR_PRUNING = 20  # from this number on, a piece must be in two texts


@dataclass(frozen=True, slots=True, eq=False)
class TokenBatch:
    """A batch of texts.

    Attributes:
        pieces: Embedding rows (int64) of the pieces of all distinct words, in order.
        starts: Start of the pieces of each distinct word, ``(1 + n_distinct,)``; the first word has
            none and is padding.
        words: Numbers of distinct words, ``(n_texts, n_steps)``; 0 after the end of a text. Each
            text has at least one word.
    """

    pieces: NDArray[np.int64]
    starts: NDArray[np.int64]
    words: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The texts of one column as numbers.

    Attributes:
        words: Like ``Words``, but ``pieces`` are embedding rows: each text has at least one word,
            each word at least one piece.
        index: Number of each row's text (int64), ``(n_rows,)``.
    """

    words: Words
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Tokens:
        """The texts of some rows: a slice, a mask or row numbers."""
        return replace(self, index=self.index[rows])

    def batch(self, most_words: int) -> TokenBatch:
        """Returns all rows as a batch.

        Args:
            most_words: Words read per text, from the first.
        """
        table = self.words
        flat, lengths = ragged_take(table.words, table.offsets, self.index, most_words)
        distinct, numbers = np.unique(flat, return_inverse=True)
        pieces, sizes = ragged_take(table.subwords, table.starts, distinct.astype(np.int64), None)
        words = np.zeros((len(self), int(lengths.max(initial=1))), dtype=np.int64)
        words[np.arange(words.shape[1]) < lengths[:, np.newaxis]] = numbers + 1
        return TokenBatch(pieces, np.concatenate(([0], sizes.cumsum() - sizes)), words)


def known_pieces(texts: Words) -> NDArray[np.int64]:
    """Hashes of the most frequent pieces that at least two texts contain, ascending."""
    n_texts = len(texts.offsets) - 1
    n_distinct = len(texts.starts) - 1
    row = np.repeat(np.arange(n_texts), np.diff(texts.offsets))
    each = np.unique(row * max(1, n_distinct) + texts.words) % max(1, n_distinct)
    n_texts_of_word = np.bincount(each, minlength=n_distinct)
    hashes, piece = np.unique(texts.subwords, return_inverse=True)
    weights = np.repeat(n_texts_of_word, np.diff(texts.starts))
    count = np.bincount(piece, weights=weights, minlength=len(hashes))
    fewest = 2 if n_texts >= _FEWEST_TEXTS_FOR_PRUNING else 1
    order = np.argsort(-count, kind="stable")[: min(_MOST_PIECES, int((count >= fewest).sum()))]
    return np.sort(hashes[order])


def tokens_of(texts: Words, known: NDArray[np.int64]) -> Tokens:
    """Converts texts to known pieces.

    A word without known pieces becomes the unknown word, a pair without any is dropped, and an
    empty text gets a word of its own.

    Args:
        texts: Split texts.
        known: Hashes of the known pieces, ascending.
    """
    place = np.searchsorted(known, texts.subwords)
    is_known = np.append(known, -1)[place] == texts.subwords
    ends = np.concatenate(([0], is_known.cumsum()))[texts.starts]
    sizes = np.diff(ends)
    is_lost = (sizes == 0) & ~texts.is_pair
    pieces = np.insert(place[is_known] + N_RESERVED, ends[:-1][is_lost], UNKNOWN)
    sizes = np.append(sizes + is_lost, 1)  # the last word is that of empty texts
    stays = sizes[texts.words] > 0
    offsets = np.concatenate(([0], stays.cumsum()))[texts.offsets]
    is_empty = np.diff(offsets) == 0
    words = np.insert(texts.words[stays], offsets[:-1][is_empty], len(sizes) - 1)
    whole = Words(
        words=words,
        offsets=_ends(np.diff(offsets) + is_empty),
        subwords=np.append(pieces, EMPTY),
        starts=_ends(sizes),
        is_pair=np.append(texts.is_pair, False),
    )
    return Tokens(whole, np.arange(len(is_empty)))


def _ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate(([0], lengths.cumsum()))
