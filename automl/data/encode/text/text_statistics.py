"""Statistics of texts: length, number of words, shares of digits, capitals and punctuation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.table import FloatArray

__all__ = ["TRAITS", "text_statistic"]

TRAITS = ("length", "words", "digits", "capitals", "signs")

_SHARES = {"digits": r"\p{Nd}", "capitals": r"\p{Lu}", "signs": r"[\p{P}\p{S}]"}


def text_statistic(name: str, texts: pa.Array) -> FloatArray:
    """One statistic of each text, ``(n_rows,)``; NaN where the text is missing.

    Args:
        name: ``length`` and ``words``: log(1 + number of characters or words); ``digits``,
            ``capitals`` and ``signs`` (punctuation and symbols): shares of the characters.
        texts: Arrow strings, ``(n_rows,)``.
    """
    length = _floats(pc.utf8_length(texts))
    if name == "length":
        return np.asarray(np.log1p(length))
    if name == "words":
        return np.asarray(np.log1p(_floats(pc.count_substring_regex(texts, pattern=r"\S+"))))
    found = _floats(pc.count_substring_regex(texts, pattern=_SHARES[name]))
    return np.asarray(found / np.maximum(length, 1.0))


def _floats(counts: pa.Array) -> FloatArray:
    return np.asarray(counts.cast(pa.float64()).to_numpy(zero_copy_only=False))
