"""Encodes a text column as a TF-IDF matrix, or as a few dense columns computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import (
    Arrays,
    ColumnEncoder,
    FittedColumn,
    State,
    inner_arrays,
    prefixed,
)
from automl.data.encode.columns.numeric import NumberEncoder, NumericMode, fit_numbers, write_parts
from automl.data.encode.columns.target import InnerFoldTarget
from automl.data.encode.text.ngrams import MAX_CHARACTERS, Grams, count_grams
from automl.data.encode.text.projection import Projection, fit_projection
from automl.data.encode.text.tfidf import Tfidf, fit_tfidf
from automl.plugin.rows import Matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

from automl.data.table import FloatArray

__all__ = ["TRAITS", "TextEncoder", "fit_text", "text_statistic", "with_numeric_mode"]

MOST_CHARACTERS = 5_000_000
"""Total characters of the training texts up to which character n-grams are used: they take four
times as long as words, and add less the more texts there are."""
TRAITS = ("length", "words", "digits", "capitals", "signs")

_SHARES = {"digits": r"\p{Nd}", "capitals": r"\p{Lu}", "signs": r"[\p{P}\p{S}]"}


@dataclass(frozen=True, slots=True)
class TextEncoder(ColumnEncoder):
    """Encodes a text column: statistics, then the TF-IDF matrix or its projection.

    Attributes:
        key: Key of the column.
        text_statistics: Encoders of the statistics, by name; empty beside a TF-IDF matrix.
        terms: Terms of each kind, side by side in the TF-IDF matrix.
        projection: Projection of the matrix to a few columns; None returns the matrix itself.
    """

    key: str
    text_statistics: Mapping[str, NumberEncoder]
    terms: tuple[Tfidf, ...]
    projection: Projection | None

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column of the block."""
        traits = tuple(name for encoder in self.text_statistics.values() for name in encoder.names)
        if self.projection is not None:
            return (*traits, *(f"{self.key}_{name}" for name in self.projection.names))
        n_terms = sum(len(part.buckets) for part in self.terms)
        return (*traits, *(f"{self.key}_term{i}" for i in range(n_terms)))

    @property
    def n_trait_columns(self) -> int:
        """Number of columns of the statistics, which come first."""
        return sum(len(encoder.names) for encoder in self.text_statistics.values())

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes an Arrow array of texts."""
        encoded = self._encoded(values)
        out[:] = encoded if isinstance(encoded, np.ndarray) else encoded.toarray()

    def sparse(self, values: pa.Array) -> csr_matrix:
        """Encodes values without a dense TF-IDF matrix."""
        from scipy.sparse import csr_matrix

        return csr_matrix(self._encoded(values))

    def beside_traits(self, texts: pa.Array, matrix: Matrix) -> Matrix:
        """Puts the statistics of the texts, if any, to the left of the columns of their terms."""
        if not self.text_statistics:
            return matrix
        traits = np.empty((len(texts), self.n_trait_columns), dtype=np.float32)
        write_parts(self.text_statistics, lambda name: text_statistic(name, texts), traits)
        return np.concatenate([traits, matrix], axis=1)

    def _encoded(self, values: pa.Array) -> Matrix:
        texts = values.cast(pa.string())
        if not self.terms:
            return self.beside_traits(texts, np.empty((len(texts), 0), dtype=np.float32))
        matrix = _stacked([part.transform(texts) for part in self.terms])
        return self.beside_traits(
            texts, matrix if self.projection is None else self.projection.apply(matrix)
        )

    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""
        meta: dict[str, Any] = {"traits": {}, "terms": []}
        arrays: dict[str, NDArray[Any]] = {}
        for name, encoder in self.text_statistics.items():
            meta["traits"][name], inner = encoder.state()
            arrays |= prefixed(name, inner)
        for part in self.terms:
            part_meta, inner = part.state()
            meta["terms"].append(part_meta)
            arrays |= prefixed(part.grams, inner)
        if self.projection is not None:
            meta["projection"], inner = self.projection.state()
            arrays |= prefixed("projection", inner)
        return meta, arrays

    @classmethod
    def from_state(cls, key: str, meta: Mapping[str, Any], arrays: Arrays) -> TextEncoder:
        """Builds an equal block from the result of ``state``."""
        traits = {
            name: NumberEncoder.from_state(inner, inner_arrays(name, arrays))
            for name, inner in meta["traits"].items()
        }
        terms = tuple(
            Tfidf.from_state(inner, inner_arrays(inner["grams"], arrays)) for inner in meta["terms"]
        )
        projection = None
        if "projection" in meta:
            inner = inner_arrays("projection", arrays)
            projection = Projection.from_state(meta["projection"], inner)
        return cls(key, traits, terms, projection)


def fit_text(
    key: str, values: pa.Array, target: InnerFoldTarget, dense: bool, seed: int
) -> FittedColumn | None:
    """Fits a text column on training rows, with unscaled numbers; None if it is uninformative.

    Args:
        key: Key of the column.
        values: Its training values, ``(n_rows,)``.
        target: The target of the same rows.
        dense: Whether to return components and scores instead of the TF-IDF matrix.
        seed: Seed of the row sample and the decomposition.
    """
    texts = values.cast(pa.string())
    # Beside a TF-IDF matrix, statistics add nothing to linear models and outweigh long texts.
    traits = _fit_traits(key, texts, "raw") if dense else {}
    terms, parts = [], []
    for grams in _grams_of(texts):
        counts = count_grams(texts, grams)
        tfidf = fit_tfidf(counts, grams)
        if tfidf is not None:
            terms.append(tfidf)
            parts.append(tfidf.weigh(counts))
    if not traits and not terms:
        return None
    if not terms:
        return FittedColumn(TextEncoder(key, traits, (), None), float(len(traits)))
    matrix, projection = _stacked(parts), None
    if dense:
        n_words = float(np.nanmean(np.expm1(text_statistic("words", texts))))
        projection, matrix = fit_projection(matrix, target, n_words, seed)
    block = TextEncoder(key, traits, tuple(terms), projection)
    return _fitted(block, texts, matrix)


def with_numeric_mode(
    fitted: FittedColumn, values: pa.Array, mode: NumericMode
) -> FittedColumn | None:
    """Rescales the numbers of a fitted text column.

    Args:
        fitted: The result of ``fit_text``.
        values: The training values it was fitted on.
        mode: Mode of the statistics; components and scores are scaled unless it is ``raw``.
    """
    if mode == "raw":
        return fitted
    raw, texts = cast(TextEncoder, fitted.block), values.cast(pa.string())
    traits = _fit_traits(raw.key, texts, mode) if raw.text_statistics else {}
    if not raw.terms:
        if not traits:
            return None
        return FittedColumn(TextEncoder(raw.key, traits, (), None), float(2 * len(traits)))
    assert fitted.train is not None  # a block with terms comes with its training rows
    matrix, projection = fitted.train[:, raw.n_trait_columns :], raw.projection
    if projection is not None:
        projection, matrix = projection.scaled(np.asarray(matrix))
    return _fitted(TextEncoder(raw.key, traits, raw.terms, projection), texts, matrix)


def _fit_traits(key: str, texts: pa.Array, mode: NumericMode) -> dict[str, NumberEncoder]:
    """Encoders of the statistics that vary; the first has the indicator of missing texts."""
    encoders = {
        name: fit_numbers(f"{key}_{name}", text_statistic(name, texts), mode, name == TRAITS[0])
        for name in TRAITS
    }
    return {name: encoder for name, encoder in encoders.items() if encoder is not None}


def _fitted(block: TextEncoder, texts: pa.Array, matrix: Matrix) -> FittedColumn:
    """A block with its training rows, for which only the statistics are still to be computed."""
    train = block.beside_traits(texts, matrix)
    n_stored = train.size if isinstance(train, np.ndarray) else train.nnz
    return FittedColumn(block, n_stored / max(len(texts), 1), train)


def _grams_of(texts: pa.Array) -> tuple[Grams, ...]:
    read = pc.min_element_wise(pc.utf8_length(texts), pa.scalar(MAX_CHARACTERS, pa.int32()))
    return ("words", "chars") if (pc.sum(read).as_py() or 0) <= MOST_CHARACTERS else ("words",)


def _stacked(parts: list[csr_matrix]) -> csr_matrix:
    from scipy.sparse import hstack

    return parts[0] if len(parts) == 1 else hstack(parts, format="csr", dtype=np.float32)


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
