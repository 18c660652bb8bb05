"""TF-IDF weights of n-grams, fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, State
from automl.data.encode.text.ngrams import N_BUCKETS, Grams, count_grams

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Tfidf", "fit_tfidf"]

MAX_TERMS: Mapping[Grams, int] = {"words": 20_000, "chars": 40_000}
MIN_TEXTS_FOR_PRUNING = 20
"""With at least this number of texts, a term must occur in two of them."""


@dataclass(frozen=True, slots=True)
class Tfidf:
    """The terms of one kind, with their inverse document frequencies.

    Attributes:
        grams: Kind of the terms.
        buckets: Hashed column of each term, ascending, ``(n_terms,)``.
        idf: Inverse document frequency of each term, ``(n_terms,)``.
    """

    grams: Grams
    buckets: NDArray[np.int32]
    idf: NDArray[np.float32]

    def transform(self, values: pa.Array) -> csr_matrix:
        """TF-IDF rows of norm 1, or 0 for a text without a known term, ``(n_rows, n_terms)``."""
        return self.weigh(count_grams(values, self.grams))

    def weigh(self, counts: csr_matrix) -> csr_matrix:
        """Computes the weights of the terms from counts of all buckets, ``(n_rows, N_BUCKETS)``."""
        from scipy.sparse import csr_matrix
        from sklearn.preprocessing import normalize

        column_of = np.full(N_BUCKETS, -1, dtype=np.int32)
        column_of[self.buckets] = np.arange(len(self.buckets), dtype=np.int32)
        columns = column_of[counts.indices]
        known = columns >= 0
        pointers = np.concatenate(([0], np.cumsum(known)))[counts.indptr]
        columns = columns[known]
        weights = (1 + np.log(counts.data[known])) * self.idf[columns]
        shape = (counts.shape[0], len(self.buckets))
        return normalize(csr_matrix((weights, columns, pointers), shape=shape), copy=False)

    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""
        return {"grams": self.grams}, {"buckets": self.buckets, "idf": self.idf}

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Arrays) -> Tfidf:
        """Builds an equal one from the result of ``state``."""
        return cls(meta["grams"], arrays["buckets"], arrays["idf"])


def fit_tfidf(counts: csr_matrix, grams: Grams) -> Tfidf | None:
    """Selects the terms with the highest document frequency, and computes their idf.

    Sublinear term frequency, smoothed idf and L2 norm are those of scikit-learn's
    ``TfidfTransformer`` (Salton & Buckley 1988).

    Args:
        counts: Counts of n-grams in the training texts, ``(n_rows, N_BUCKETS)``.
        grams: Kind of the n-grams.

    Returns:
        The fitted weights; None if no term is left.
    """
    n_texts = counts.shape[0]
    frequency = np.bincount(counts.indices, minlength=N_BUCKETS)
    buckets = np.flatnonzero(frequency >= (2 if n_texts >= MIN_TEXTS_FOR_PRUNING else 1))
    if not len(buckets):
        return None
    order = np.argsort(-frequency[buckets], kind="stable")
    buckets = np.sort(buckets[order[: MAX_TERMS[grams]]])
    idf = np.log((1 + n_texts) / (1 + frequency[buckets])) + 1
    return Tfidf(grams, buckets.astype(np.int32), idf.astype(np.float32))
