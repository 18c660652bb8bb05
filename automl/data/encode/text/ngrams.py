"""Counts words, word pairs and character n-grams of texts in hashed columns.

Texts are joined into one array of code points and processed by array arithmetic: 100,000 rows take
seconds. Columns are hashes, so no text is stored.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.table import IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["N_BUCKETS", "Grams", "count_grams"]

Grams: TypeAlias = Literal["words", "chars"]
"""``words``: words, signs and pairs of neighbours. ``chars``: n-grams of 2 to 4 characters."""

BUCKET_BITS = 20
N_BUCKETS = 1 << BUCKET_BITS
"""Number of hashed columns, large enough to make collisions of terms rare."""

MAX_CHARACTERS = 20_000
"""Characters of a text that are read; the rest seldom adds anything."""

CHUNK_CHARACTERS = 1 << 20
"""Characters processed at a time, which bounds memory."""

CHAR_LENGTHS = range(2, 5)
_SPACE, _SIGN, _WORD = range(3)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)

_U64: TypeAlias = "NDArray[np.uint64]"


def count_grams(values: pa.Array, grams: Grams) -> csr_matrix:
    """Counts the n-grams of each text.

    Case, accents and compatibility forms are folded. Words are runs of letters and digits; every
    other sign and every ideograph is a term of its own. Character n-grams are taken within words
    padded by spaces, like scikit-learn's ``char_wb``.

    Args:
        values: Texts, ``(n_rows,)``; a missing one has no n-grams.
        grams: Kind of the n-grams.

    Returns:
        Counts (float32), ``(n_rows, N_BUCKETS)``, with sorted columns.
    """
    from scipy.sparse import csr_matrix, vstack

    find = _word_grams if grams == "words" else _char_grams
    parts = [_counted(find, texts) for texts in _chunks(pc.fill_null(values, ""))]
    if not parts:
        return csr_matrix((0, N_BUCKETS), dtype=np.float32)
    return vstack(parts, format="csr")


def _counted(
    find: Callable[[NDArray[np.uint32], IntArray], tuple[IntArray, _U64]], texts: list[str]
) -> csr_matrix:
    from scipy.sparse import csr_matrix

    joined = "\n".join(["", *texts, ""])
    raw = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    # The newline between two texts belongs to the one before it.
    row = np.repeat(np.arange(-1, len(texts)), [1, *(len(text) + 1 for text in texts)])
    rows, hashes = find(_folded(raw), row)
    hashes = (hashes ^ (hashes >> np.uint64(32))) * _BASE
    cells = np.sort(
        (rows << BUCKET_BITS) | (hashes >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)
    )
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    counts = np.diff(first, append=len(cells)).astype(np.float32)
    cells = cells[first]
    pointers = np.searchsorted(cells, np.arange(len(texts) + 1) << BUCKET_BITS)
    columns = (cells & (N_BUCKETS - 1)).astype(np.int32)
    return csr_matrix((counts, columns, pointers.astype(np.int32)), shape=(len(texts), N_BUCKETS))


def _word_grams(points: NDArray[np.uint32], row: IntArray) -> tuple[IntArray, _U64]:
    """Row and hash of each word, sign, and pair of neighbours."""
    kind = _kinds(points)
    is_word = kind == _WORD
    starts_ = is_word.copy()
    starts_[1:] &= ~is_word[:-1]
    starts = np.flatnonzero(starts_ | (kind == _SIGN))
    if not len(starts):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    lengths = np.diff(starts, append=len(points))
    place = np.arange(starts[0], len(points)) - np.repeat(starts, lengths)
    powers = np.cumprod(np.full(int(lengths.max()), _BASE))
    terms = np.where(kind == _SPACE, 0, points).astype(np.uint64)[starts[0] :] * powers[place]
    hashes = np.add.reduceat(terms, starts - starts[0])
    rows = row[starts]
    is_pair = rows[1:] == rows[:-1]
    pairs = (hashes[:-1] * _PAIR + hashes[1:])[is_pair]
    return np.concatenate([rows, rows[1:][is_pair]]), np.concatenate([hashes, pairs])


def _char_grams(points: NDArray[np.uint32], row: IntArray) -> tuple[IntArray, _U64]:
    """Row and hash of each character n-gram within one word and its surrounding spaces."""
    is_space = _kinds(points) == _SPACE
    letters = np.where(is_space, 32, points).astype(np.uint64)
    n_spaces = np.cumsum(is_space, dtype=np.int32)
    hashes, rows, found = letters, [], []
    for length in CHAR_LENGTHS:
        n_runs = len(points) - length + 1
        if n_runs <= 0:
            break
        hashes = hashes[:n_runs] * _BASE + letters[length - 1 :]
        inner = n_spaces[length - 2 : length - 2 + n_runs] - n_spaces[:n_runs]
        lies_inside = (inner == 0) & ~(is_space[:n_runs] & is_space[1 : n_runs + 1])
        rows.append(row[1 : n_runs + 1][lies_inside])
        found.append(hashes[lies_inside])
    return np.concatenate(rows), np.concatenate(found)


def _chunks(values: pa.Array) -> Iterator[list[str]]:
    """Yields truncated NFKC texts in lists of bounded total length."""
    texts = pc.utf8_slice_codeunits(values.cast(pa.string()), 0, MAX_CHARACTERS)
    texts = pc.utf8_normalize(texts, form="NFKC")
    ends = np.cumsum(pc.utf8_length(texts).to_numpy(zero_copy_only=False) + 1)
    start = 0
    while start < len(ends):
        reach = CHUNK_CHARACTERS + (ends[start - 1] if start else 0)
        end = max(start + 1, int(np.searchsorted(ends, reach, side="right")))
        yield texts.slice(start, end - start).to_pylist()
        start = end


def _folded(points: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Folds case and accents; characters beyond the basic plane are unchanged."""
    table = _tables()[0]
    return np.where(points < len(table), table[np.minimum(points, len(table) - 1)], points)


def _kinds(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Kind of each character: space, sign, or part of a word."""
    table = _tables()[1]
    return np.where(points < len(table), table[np.minimum(points, len(table) - 1)], _SIGN)


@cache
def _tables() -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Folded form and kind of each character of the basic plane, by its number."""
    characters = [chr(point) for point in range(0x10000)]
    folded = np.array([ord(_fold(character)) for character in characters], dtype=np.uint32)
    kinds = np.array([_kind(character) for character in characters], dtype=np.uint8)
    return folded, kinds


def _fold(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    base = parts[0] if all(unicodedata.combining(mark) for mark in parts[1:]) else character
    lower = base.lower()
    return lower if len(lower) == 1 else base


def _kind(character: str) -> int:
    if character.isspace():
        return _SPACE
    if _is_ideograph(character):
        return _SIGN
    is_word = character.isalnum() or character == "_" or unicodedata.combining(character)
    return _WORD if is_word or unicodedata.category(character)[0] == "M" else _SIGN


def _is_ideograph(character: str) -> bool:
    """Whether a character is from a script without spaces whose characters are like words."""
    return "\u2e80" <= character <= "\u31ff" or "\u3400" <= character <= "\u9fff"
