"""Ordinal and one-hot encoders of categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.categories import MISSING, CategoryIndex
from automl.data.encode.columns.column_encoder import ColumnEncoder
from automl.data.table import IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["OneHotEncoder", "OrdinalEncoder"]


@dataclass(frozen=True, slots=True)
class OrdinalEncoder(ColumnEncoder):
    """One column of integer codes; 0 means missing, unseen or rare."""

    key: str
    index: CategoryIndex

    @property
    def names(self) -> tuple[str, ...]:
        """The key of the column."""
        return (self.key,)

    @property
    def cardinality(self) -> int:
        """Number of codes: the categories and 0."""
        return len(self.index) + 1

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes an Arrow array of texts."""
        codes = self.index.codes(values)
        codes[codes == self.index.unseen] = MISSING
        out[:, 0] = codes


@dataclass(frozen=True, slots=True)
class OneHotEncoder(ColumnEncoder):
    """One column per category, and one for missing values if training rows had any.

    An unseen category is 0 in all columns.
    """

    key: str
    index: CategoryIndex
    has_missing: bool

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column of the block."""
        names = tuple(f"{self.key}_cat{i}" for i in range(len(self.index)))
        return (*names, f"{self.key}_is_missing") if self.has_missing else names

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes an Arrow array of texts."""
        rows, columns = self._ones(values)
        out[:] = 0
        out[rows, columns] = 1

    def sparse(self, values: pa.Array) -> csr_matrix:
        """Encodes values without building the dense block."""
        from scipy.sparse import csr_matrix

        rows, columns = self._ones(values)
        ones = np.ones(len(rows), dtype=np.float32)
        return csr_matrix((ones, (rows, columns)), shape=(len(values), len(self.names)))

    def _ones(self, values: pa.Array) -> tuple[IntArray, IntArray]:
        """Row and column of each 1."""
        codes = self.index.codes(values)
        column_of = np.arange(-1, self.index.unseen, dtype=np.int64)
        column_of[MISSING] = self.index.unseen - 1 if self.has_missing else -1
        column_of[self.index.unseen] = -1
        columns = column_of[codes]
        rows = np.flatnonzero(columns >= 0)
        return rows, columns[rows]
