"""The base class of feature generators, and the grouping of rows that they share.

The kinds of new columns, and fitting them inside the fold, follow TabPrep (arXiv 2606.02384).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.categories import MISSING, CategoryIndex, fit_categories
from automl.data.encode.columns.column_encoder import Arrays, State
from automl.data.encode.columns.dates import days
from automl.data.encode.columns.numeric import offset_of, to_float64
from automl.data.table import Column, FloatArray, IntArray
from automl.plugin.task import ColumnKind

__all__ = [
    "FeatureGenerator",
    "FittedGenerator",
    "Grouping",
    "fit_grouping",
    "numeric_values",
    "offsets_of",
    "pairs_of",
    "position_among",
    "quotient",
    "within_float32",
]

MAX_LEVELS = 20
"""Largest number of distinct whole numbers that may be treated as categories."""


class FeatureGenerator(ABC):
    """A fitted generator of new columns.

    Attributes:
        keys: Keys of the table columns that it reads.
        names: One name per new column.
    """

    keys: tuple[str, ...]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """One name per new column."""

    @property
    def sources(self) -> tuple[str, ...]:
        """For each new column the key of its source column; "" for several."""
        return ("",) * len(self.names)

    @abstractmethod
    def write(self, columns: Sequence[pa.Array], out: NDArray[np.float32]) -> None:
        """Computes the new columns of rows.

        Args:
            columns: The values of each of ``keys``, ``(n_rows,)``.
            out: Output, ``(n_rows, len(names))``.
        """

    @abstractmethod
    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""

    @classmethod
    @abstractmethod
    def from_state(
        cls, keys: tuple[str, ...], meta: Mapping[str, Any], arrays: Arrays
    ) -> FeatureGenerator:
        """Builds an equal generator from the result of ``state``."""


@dataclass(frozen=True, slots=True)
class FittedGenerator:
    """A generator, with its out-of-fold columns of the training rows, if it has such."""

    generator: FeatureGenerator
    train: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """Maps the values of a column to groups: 0 where missing, ``n_codes - 1`` where unseen.

    Attributes:
        of: The categories of a categorical column, or the distinct values of a numeric one,
            ascending.
    """

    of: CategoryIndex | tuple[float, ...]

    @property
    def n_codes(self) -> int:
        """Number of groups, including those of missing and unseen values."""
        return len(self.of) + 2

    def codes(self, values: pa.Array) -> IntArray:
        """Group of each row, ``(n_rows,)``."""
        if isinstance(self.of, CategoryIndex):
            return self.of.codes(values)
        levels, known = np.array(self.of), numeric_values(values)
        codes = position_among(known, levels) + 1
        codes[np.isnan(known)] = MISSING
        return codes

    def state(self) -> list[Any]:
        """Returns a list of texts or numbers for ``from_state``."""
        return list(self.of.categories if isinstance(self.of, CategoryIndex) else self.of)

    @classmethod
    def from_state(cls, meta: Sequence[Any]) -> Grouping:
        """Builds an equal grouping from the result of ``state``."""
        is_text = isinstance(meta[0], str)
        return cls(CategoryIndex.of(meta) if is_text else tuple(meta))


def fit_grouping(column: Column, values: pa.Array) -> Grouping | None:
    """Fits the groups on training rows; None if values are not groupable or form one group."""
    if column.kind is ColumnKind.CATEGORICAL:
        index = fit_categories(values)
        n_groups = len(index) + bool((index.codes(values) == MISSING).any())
        return Grouping(index) if len(index) and n_groups > 1 else None
    if column.kind not in {ColumnKind.NUMERIC, ColumnKind.BOOLEAN}:
        return None
    known = numeric_values(values)
    levels = np.unique(known[~np.isnan(known)])
    n_groups = len(levels) + bool(np.isnan(known).any())
    few = 0 < len(levels) <= MAX_LEVELS and n_groups > 1 and bool((levels == levels.round()).all())
    return Grouping(tuple(levels.tolist())) if few else None


def numeric_values(values: pa.Array) -> FloatArray:
    """Converts numbers to float64, and dates to days; NaN where missing."""
    return days(values) if pa.types.is_timestamp(values.type) else to_float64(values)


def offsets_of(columns: FloatArray) -> tuple[float, ...]:
    """Offset of each new column with which float32 distinguishes its values; 0.0 for most.

    Without one, a sum of two opposite numbers near 10^9 would be constant in float32.

    Args:
        columns: New columns of the training rows, ``(n_rows, n)``, NaN where missing.
    """
    return tuple(offset_of(column[~np.isnan(column)]) for column in columns.T)


def position_among(values: NDArray[Any], known: NDArray[Any]) -> IntArray:
    """Position of each value among the known ones; that after the last for an unknown value."""
    position = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[position] == values, position, len(known)).astype(np.int64)


def within_float32(values: FloatArray) -> FloatArray:
    """Replaces values outside the range of float32 by NaN."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) <= np.finfo(np.float32).max, values, np.nan)


def quotient(a: FloatArray, b: FloatArray) -> FloatArray:
    """Divides elementwise; NaN where the divisor is 0."""
    found: FloatArray = np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b != 0)
    return found


def pairs_of(n: int) -> list[tuple[int, int]]:
    """All pairs ``(i, j)`` with ``i < j < n``."""
    return [(i, j) for i in range(n) for j in range(i + 1, n)]
