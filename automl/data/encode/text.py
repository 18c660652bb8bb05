"""Text: the TF-IDF matrix of its words and word pairs, or a few dense components of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.encode.block import (
    Arrays,
    Block,
    FittedBlock,
    State,
    inner_arrays,
    prefixed,
)
from automl.data.encode.numeric import NumberEncoder, NumericMode, fit_numbers, write_parts

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["TextBlock", "fit_text"]

MAX_TERMS = 20_000
MAX_COMPONENTS = 32
MAX_FIT_TEXTS = 50_000
"""Texts the terms and components are learnt from; more of them change little and take long."""
MIN_TEXTS_FOR_PRUNING = 20
"""From so many texts on, a term must be in two of them."""


@dataclass(frozen=True, slots=True)
class TextBlock(Block):
    """A text column: its length, its words, and its terms.

    Attributes:
        key: Key of the column.
        sizes: Encoders of the logarithms of the numbers of characters and words, by part name.
        terms: The vocabulary, in the order of the columns of the TF-IDF matrix.
        idf: Inverse document frequency of each term, ``(n_terms,)``.
        components: ``(n_components, n_terms)``; None gives the matrix itself.
    """

    key: str
    sizes: Mapping[str, NumberEncoder]
    terms: tuple[str, ...]
    idf: NDArray[np.float32]
    components: NDArray[np.float32] | None

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column of the block."""
        sizes = tuple(name for encoder in self.sizes.values() for name in encoder.names)
        if self.components is None:
            return (*sizes, *(f"{self.key}_term{i}" for i in range(len(self.terms))))
        return (*sizes, *(f"{self.key}_svd{i}" for i in range(len(self.components))))

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes an Arrow array of texts."""
        start = write_parts(self.sizes, lambda part: _size(part, values), out)
        if not self.terms:
            return
        matrix = self._tfidf(values)
        if self.components is None:
            out[:, start:] = matrix.toarray()
        else:
            out[:, start:] = matrix @ self.components.T

    def sparse(self, values: pa.Array) -> csr_matrix:
        """Encodes values without making the TF-IDF matrix dense."""
        if self.components is not None or not self.terms:
            return Block.sparse(self, values)
        from scipy.sparse import csr_matrix, hstack

        n_sizes = len(self.names) - len(self.terms)
        sizes = np.empty((len(values), n_sizes), dtype=np.float32)
        write_parts(self.sizes, lambda part: _size(part, values), sizes)
        return hstack([csr_matrix(sizes), self._tfidf(values)], format="csr", dtype=np.float32)

    def state(self) -> State:
        """What ``from_state`` needs."""
        meta: dict[str, Any] = {"terms": self.terms, "sizes": {}}
        arrays: dict[str, NDArray[Any]] = {"idf": self.idf}
        if self.components is not None:
            arrays["components"] = self.components
        for part, encoder in self.sizes.items():
            meta["sizes"][part], inner = encoder.state()
            arrays |= prefixed(part, inner)
        return meta, arrays

    @classmethod
    def from_state(cls, key: str, meta: Mapping[str, Any], arrays: Arrays) -> TextBlock:
        """Builds an equal block from what ``state`` gave."""
        sizes = {
            part: NumberEncoder.from_state(inner, inner_arrays(part, arrays))
            for part, inner in meta["sizes"].items()
        }
        terms = tuple(meta["terms"])
        return cls(key, sizes, terms, arrays["idf"], arrays.get("components"))

    def _tfidf(self, values: pa.Array) -> csr_matrix:
        vectorizer = _vectorizer(vocabulary={term: i for i, term in enumerate(self.terms)})
        vectorizer.idf_ = self.idf
        return vectorizer.transform(_texts(values)).tocsr().astype(np.float32)


def fit_text(
    key: str, values: pa.Array, svd: bool, mode: NumericMode, seed: int
) -> FittedBlock | None:
    """Fits a text column on training rows; None where it tells nothing.

    Args:
        key: Key of the column.
        values: Its training values, ``(n_rows,)``.
        svd: Whether to give components in place of the TF-IDF matrix.
        mode: How the sizes are encoded; but for ``raw``, components get a common scale that
            makes their mean variance 1.
        seed: Of the sample of texts and of the decomposition.
    """
    sizes = {
        part: encoder
        for part in ("length", "words")
        if (encoder := fit_numbers(f"{key}_{part}", _size(part, values), mode, part == "length"))
    }
    sample = values
    if len(values) > MAX_FIT_TEXTS:
        rows = np.random.default_rng(seed).choice(len(values), MAX_FIT_TEXTS, replace=False)
        sample = values.take(pa.array(np.sort(rows)))
    terms, idf = _fit_terms(sample)
    plain = TextBlock(key, sizes, terms, idf, None)
    if not plain.names:
        return None
    if not svd:
        train = plain.sparse(values)
        return FittedBlock(plain, train.nnz / max(len(values), 1), train)
    components = _fit_components(plain, sample, mode, seed)
    block = TextBlock(key, sizes, terms, idf, components)
    return FittedBlock(block, float(len(block.names)))


def _fit_terms(values: pa.Array) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The vocabulary and its idf; both empty where the texts hold no words."""
    vectorizer = _vectorizer(min_df=2 if len(values) >= MIN_TEXTS_FOR_PRUNING else 1)
    try:
        vectorizer.fit(_texts(values))
    except ValueError as error:
        if "empty vocabulary" in str(error) or "no terms remain" in str(error):
            return (), np.empty(0, dtype=np.float32)
        raise
    terms = tuple(str(term) for term in vectorizer.get_feature_names_out())
    return terms, vectorizer.idf_.astype(np.float32)


def _fit_components(
    plain: TextBlock, values: pa.Array, mode: NumericMode, seed: int
) -> NDArray[np.float32]:
    """Directions of the TF-IDF matrix; the terms themselves where they are few."""
    n_terms = len(plain.terms)
    if n_terms == 0:
        return np.empty((0, 0), dtype=np.float32)
    matrix = plain._tfidf(values)
    if n_terms <= MAX_COMPONENTS:
        components = np.eye(n_terms, dtype=np.float32)
    else:
        from sklearn.decomposition import TruncatedSVD
        from threadpoolctl import threadpool_limits

        n_components = max(1, min(MAX_COMPONENTS, len(values) - 1))
        # One thread: other folds are encoded beside this one, and its sums do not depend on cores.
        with threadpool_limits(1):
            decomposition = TruncatedSVD(n_components, random_state=seed).fit(matrix)
        components = decomposition.components_.astype(np.float32)
    if mode != "raw":
        variance = float((matrix @ components.T).var(axis=0).mean())
        components = components / np.float32(np.sqrt(variance) if variance > 0 else 1.0)
    return components


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        strip_accents="unicode",
        lowercase=True,
        ngram_range=(1, 2),
        sublinear_tf=True,
        max_features=None if "vocabulary" in options else MAX_TERMS,
        dtype=np.float32,
        **options,
    )


def _texts(values: pa.Array) -> list[str]:
    texts: list[str] = pc.fill_null(values.cast(pa.string()), "").to_pylist()
    return texts


def _size(part: str, values: pa.Array) -> NDArray[np.float64]:
    """Logarithm of 1 plus the number of characters or words; NaN where missing."""
    texts = values.cast(pa.string())
    if part == "length":
        counts = pc.utf8_length(texts)
    else:
        counts = pc.count_substring_regex(texts, pattern=r"\S+")
    logs: NDArray[np.float64] = np.log1p(counts.cast(pa.float64()).to_numpy(zero_copy_only=False))
    return logs
