"""Splits texts of any script into words, and words into hashed pieces."""

from __future__ import annotations

import re
import unicodedata
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Words", "ragged_take", "split_texts"]

_MOST_CHARACTERS = 20_000  # characters read per text; later ones rarely add information
_LONGEST_WORD = 24  # characters: longer runs, as in scripts without spaces, are cut
_GRAM_LENGTHS = (3, 4, 5)
_BETWEEN = " "  # joins the words of a pair; words contain no spaces

# Scripts without spaces in which a character carries much meaning: each is a word.
_IDEOGRAPHS = "\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Texts as word numbers, and the pieces of each distinct word.

    Attributes:
        words: Word numbers of all texts, in order (int32).
        offsets: Text i has the words ``offsets[i]`` to ``offsets[i + 1]`` (int64),
            ``(n_texts + 1,)``.
        subwords: Hashes of the pieces of all distinct words, in order (int64, from 0 to
            2**32 - 1).
        starts: Offsets of each word's pieces, like ``offsets``, ``(n_distinct + 1,)``.
        is_pair: True if a distinct word is a pair of neighbours, ``(n_distinct,)``.
    """

    words: NDArray[np.int32]
    offsets: NDArray[np.int64]
    subwords: NDArray[np.int64]
    starts: NDArray[np.int64]
    is_pair: NDArray[np.bool_]


def split_texts(texts: list[str], pairs: bool) -> Words:
    """Splits texts into words: runs of letters and digits, punctuation marks, ideographs.

    Case and compatibility forms are ignored. The pieces of a word are itself and its runs of 3 to 5
    characters, with marks at both ends (Bojanowski et al. 2017, arXiv 1607.04606), so that an
    unseen word shares pieces with others.

    Args:
        texts: Texts to split.
        pairs: True to add each pair of neighbours as a word, after the words of its text; its
            only piece is itself (Joulin et al. 2017, arXiv 1607.01759).
    """
    numbers: dict[str, int] = {}
    words, offsets = array("i"), array("q", [0])
    for text in texts:
        found = _words_of(text)
        words.extend(numbers.setdefault(word, len(numbers)) for word in found)
        if pairs:
            both = (f"{a}{_BETWEEN}{b}" for a, b in pairwise(found))
            words.extend(numbers.setdefault(pair, len(numbers)) for pair in both)
        offsets.append(len(words))
    pieces, starts = array("q"), array("q", [0])
    for word in numbers:
        pieces.extend(_pieces_of(word))
        starts.append(len(pieces))
    return Words(
        words=np.array(words, dtype=np.int32),
        offsets=np.array(offsets),
        subwords=np.array(pieces, dtype=np.int64),
        starts=np.array(starts),
        is_pair=np.array([_BETWEEN in word for word in numbers], dtype=np.bool_),
    )


def ragged_take(
    values: NDArray[Any], offsets: NDArray[np.int64], rows: NDArray[np.int64], most: int | None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values of some rows in order, and the number of values of each.

    Args:
        values: Values of all rows, in order.
        offsets: Row i has the values ``offsets[i]`` to ``offsets[i + 1]``.
        rows: Numbers of the rows.
        most: Values taken per row, from the first; None for all.
    """
    lengths = offsets[rows + 1] - offsets[rows]
    if most is not None:
        lengths = np.minimum(lengths, most)
    first = np.repeat(offsets[rows] - lengths.cumsum() + lengths, lengths)
    return values[first + np.arange(len(first))], lengths


def _words_of(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text[:_MOST_CHARACTERS]).casefold()
    words: list[str] = _pattern().findall(folded)
    return words


def _pieces_of(word: str) -> list[int]:
    """Hashes of a word and its runs of characters; of a pair only its own."""
    pieces = [zlib.crc32(word.encode("utf-8", "surrogatepass"))]
    if len(word) > 1 and _BETWEEN not in word:
        # With marks that no word contains, runs at the ends differ from those inside.
        marked = f"<{word}>"
        for length in _GRAM_LENGTHS:
            runs = (marked[i : i + length] for i in range(len(marked) - length + 1))
            pieces += [zlib.crc32(b"\0" + run.encode("utf-8", "surrogatepass")) for run in runs]
    return pieces


@cache
def _pattern() -> re.Pattern[str]:
    r"""Matches a word. ``\w`` lacks vowel signs and accents that are separate characters."""
    marks = "".join(
        f"{chr(first)}-{chr(last)}"
        for first, last in _runs(
            point
            for point in range(0x300, 0x20000)
            if unicodedata.category(chr(point))[0] == "M" and not 0x2E80 <= point <= 0x31FF
        )
    )
    letters = rf"(?![{_IDEOGRAPHS}])[\w{marks}]"
    return re.compile(rf"[{_IDEOGRAPHS}]|(?:{letters}){{1,{_LONGEST_WORD}}}|[^\s\w]")


def _runs(points: Iterable[int]) -> list[tuple[int, int]]:
    """First and last numbers of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for point in points:
        if runs and runs[-1][1] == point - 1:
            runs[-1] = (runs[-1][0], point)
        else:
            runs.append((point, point))
    return runs
