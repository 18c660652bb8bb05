"""Texts of any script as words, and words as hashed pieces."""

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

_MOST_CHARACTERS = 20_000  # of a text that are read: what follows seldom says more
_LONGEST_WORD = 24  # characters: scripts without spaces between words are cut into such parts
_GRAM_LENGTHS = (3, 4, 5)
_BETWEEN = " "  # the words of a pair: no word holds a space

# Of scripts without spaces in which one character says much: each is a word.
_IDEOGRAPHS = "\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Texts as numbers of words, and what each distinct word is made of.

    Attributes:
        words: Numbers of the words of all texts, one text after another (int32).
        offsets: Text i has the words ``offsets[i]`` to ``offsets[i + 1]`` (int64),
            ``(n_texts + 1,)``.
        pieces: Hashes of the pieces of all distinct words, one word after another (int64, from 0
            to 2**32 - 1).
        starts: Likewise, ``(n_distinct + 1,)``.
        is_pair: Whether a distinct word is a pair of neighbours, ``(n_distinct,)``.
    """

    words: NDArray[np.int32]
    offsets: NDArray[np.int64]
    pieces: NDArray[np.int64]
    starts: NDArray[np.int64]
    is_pair: NDArray[np.bool_]


def split_texts(texts: list[str], pairs: bool) -> Words:
    """Divides texts into words: runs of letters and digits, single signs, single ideographs.

    Upper case and forms of the same letter do not matter. A word is made of itself and of the runs
    of 3 to 5 characters in it, with marks at both ends (Bojanowski et al. 2017, arXiv 1607.04606):
    what a word that was never seen has in common with others is known.

    Args:
        texts: What is divided.
        pairs: Whether each pair of neighbours follows as a word, after the words of its text;
            it is made of itself alone (Joulin et al. 2017, arXiv 1607.01759).
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
        pieces=np.array(pieces, dtype=np.int64),
        starts=np.array(starts),
        is_pair=np.array([_BETWEEN in word for word in numbers], dtype=np.bool_),
    )


def ragged_take(
    values: NDArray[Any], offsets: NDArray[np.int64], rows: NDArray[np.int64], most: int | None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values of some rows one after another, and how many each has.

    Args:
        values: Of all rows, one row after another.
        offsets: Row i has the values ``offsets[i]`` to ``offsets[i + 1]``.
        rows: Numbers of the rows.
        most: Values of a row that are taken, from the first; None for all.
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
    """Hashes of the word and of the runs of characters in it; of a pair only its own."""
    pieces = [zlib.crc32(word.encode("utf-8", "surrogatepass"))]
    if len(word) > 1 and _BETWEEN not in word:
        # Marks that no word holds: a run at an end of a word is another one than inside.
        marked = f"<{word}>"
        for length in _GRAM_LENGTHS:
            runs = (marked[i : i + length] for i in range(len(marked) - length + 1))
            pieces += [zlib.crc32(b"\0" + run.encode("utf-8", "surrogatepass")) for run in runs]
    return pieces


@cache
def _pattern() -> re.Pattern[str]:
    r"""Matches a word. ``\w`` leaves out the vowel signs and accents that stand alone."""
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
    """Ascending numbers as first and last of each run of neighbours."""
    runs: list[tuple[int, int]] = []
    for point in points:
        if runs and runs[-1][1] == point - 1:
            runs[-1] = (runs[-1][0], point)
        else:
            runs.append((point, point))
    return runs
