"""What the generators of columns have in common: some columns in, new columns out.

The kinds of new columns, and that they are made inside the fold, follow TabPrep (arXiv 2606.02384).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.categories import MISSING, CategoryIndex, fit_index
from automl.data.encode.columns.column_encoder import Arrays, State
from automl.data.encode.columns.dates import days
from automl.data.encode.columns.numeric import numbers, offset_of
from automl.data.table import Column, IntArray
from automl.plugin.task import ColumnKind

__all__ = [
    "FittedGenerator",
    "Generator",
    "Grouping",
    "fit_grouping",
    "measures",
    "offsets_of",
    "pairs_of",
    "within_float32",
]

MAX_LEVELS = 20
"""Numbers with at most so many distinct values may be taken for categories."""


class Generator(ABC):
    """A fitted maker of new columns.

    Attributes:
        keys: Keys of the columns in the table that it reads.
        names: One name per new column.
    """

    keys: tuple[str, ...]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """One name per new column."""

    @property
    def sources(self) -> tuple[str, ...]:
        """For each new column the key of the one that it is made of; "" for several."""
        return ("",) * len(self.names)

    @abstractmethod
    def write(self, columns: Sequence[pa.Array], out: NDArray[np.float32]) -> None:
        """Makes the new columns of rows.

        Args:
            columns: The values of each of ``keys``, ``(n_rows,)``.
            out: Where they go, ``(n_rows, len(names))``.
        """

    @abstractmethod
    def state(self) -> State:
        """What ``from_state`` needs to build an equal generator."""

    @classmethod
    @abstractmethod
    def from_state(
        cls, keys: tuple[str, ...], meta: Mapping[str, Any], arrays: Arrays
    ) -> Generator:
        """Builds a generator from what ``state`` gave."""


@dataclass(frozen=True, slots=True)
class FittedGenerator:
    """A generator, and its columns of the training rows where they are out of fold; else None."""

    generator: Generator
    train: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """Puts the rows of a column into groups: 0 where missing, ``n_codes - 1`` where unseen.

    Attributes:
        of: The categories of a column of texts, or the distinct values of one of numbers,
            ascending.
    """

    of: CategoryIndex | tuple[float, ...]

    @property
    def n_codes(self) -> int:
        """Number of groups, with those of missing and unseen values."""
        return len(self.of) + 2

    def codes(self, values: pa.Array) -> IntArray:
        """Group of each row, ``(n_rows,)``."""
        if isinstance(self.of, CategoryIndex):
            return self.of.codes(values)
        levels, known = np.array(self.of), measures(values)
        position = np.minimum(np.searchsorted(levels, known), len(levels) - 1)
        codes = np.where(levels[position] == known, position + 1, len(levels) + 1)
        codes[np.isnan(known)] = MISSING
        return codes.astype(np.int64)

    def state(self) -> list[Any]:
        """What ``from_state`` needs: a list of texts or of numbers."""
        return list(self.of.categories if isinstance(self.of, CategoryIndex) else self.of)

    @classmethod
    def from_state(cls, meta: Sequence[Any]) -> Grouping:
        """Builds an equal grouping from what ``state`` gave."""
        is_text = isinstance(meta[0], str)
        return cls(CategoryIndex.of(meta) if is_text else tuple(meta))


def fit_grouping(column: Column, values: pa.Array) -> Grouping | None:
    """The groups of the training rows; None where they are no categories, or all are one."""
    if column.kind is ColumnKind.CATEGORICAL:
        index = fit_index(values)
        n_groups = len(index) + bool((index.codes(values) == MISSING).any())
        return Grouping(index) if len(index) and n_groups > 1 else None
    if column.kind not in {ColumnKind.NUMERIC, ColumnKind.BOOLEAN}:
        return None
    known = measures(values)
    levels = np.unique(known[~np.isnan(known)])
    n_groups = len(levels) + bool(np.isnan(known).any())
    few = 0 < len(levels) <= MAX_LEVELS and n_groups > 1 and bool((levels == levels.round()).all())
    return Grouping(tuple(levels.tolist())) if few else None


def measures(values: pa.Array) -> NDArray[np.float64]:
    """Numbers, or dates as days; NaN where missing."""
    return days(values) if pa.types.is_timestamp(values.type) else numbers(values)


def offsets_of(columns: NDArray[np.float64]) -> tuple[float, ...]:
    """What to take off each new column so that float32 tells its values apart; 0.0 for most.

    The sum of two numbers near 10^9 that move against each other is constant in float32.

    Args:
        columns: New columns of the training rows, ``(n_rows, n)``, NaN where missing.
    """
    return tuple(offset_of(column[~np.isnan(column)]) for column in columns.T)


def within_float32(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values, with NaN for what float32 cannot hold."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) <= np.finfo(np.float32).max, values, np.nan)


def pairs_of(n: int) -> list[tuple[int, int]]:
    """All pairs of positions below ``n``, the first below the second."""
    return [(i, j) for i in range(n) for j in range(i + 1, n)]
