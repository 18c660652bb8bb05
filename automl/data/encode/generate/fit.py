"""Fits the feature generators of an encoding on the training rows of a fold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from automl.data.encode.columns.target import InnerFoldTarget
from automl.data.encode.generate.arithmetic import fit_arithmetic
from automl.data.encode.generate.combinations import choose_pairs, fit_combinations
from automl.data.encode.generate.generator import (
    FittedGenerator,
    Grouping,
    fit_grouping,
    numeric_values,
)
from automl.data.encode.generate.groups import fit_groups
from automl.data.encode.generate.residual import TargetResidual, bins_of, fit_remainder, sample_rows
from automl.data.table import Column, FloatArray, IntArray
from automl.plugin.context import Encoding
from automl.plugin.task import ColumnKind

__all__ = ["fit_generators"]

MAX_ARITHMETIC, MAX_ENCODED, MAX_GROUPS = 20, 40, 20
"""Largest number of new columns: of arithmetic, of each of the two kinds that encode categories
by the target, and of groups."""
MIN_CATEGORIES = 3
"""With two categories, the code is as informative as the mean of the target."""
MAX_CELLS = 20_000_000
"""Largest number of entries of all new columns of one kind, which bounds time and memory."""
MIN_ROWS = 200
"""With fewer rows, candidates explain the target by chance."""
MEASURED = frozenset({ColumnKind.NUMERIC, ColumnKind.BOOLEAN, ColumnKind.DATETIME})

ValuesOf: TypeAlias = Callable[[str], pa.Array]


def fit_generators(
    columns: Iterable[Column],
    values_of: ValuesOf,
    target: InnerFoldTarget,
    encoding: Encoding,
    seed: int,
) -> list[FittedGenerator]:
    """Fits the generators in ``encoding.generated``; those that explain nothing are left out.

    Args:
        columns: Columns that the family sees.
        values_of: Returns the training values of a column by its key, ``(n_rows,)``.
        target: The target of the training rows.
        encoding: The encoding.
        seed: Seed of the row sample on which candidates are judged.
    """
    if not encoding.generated or np.count_nonzero(target.weight) < MIN_ROWS:
        return []
    source = _Source(tuple(columns), values_of, target, seed)
    fitted = [GENERATORS[name](source) for name in dict.fromkeys(encoding.generated)]
    return [generator for generator in fitted if generator is not None]


@dataclass(frozen=True)
class _Source:
    """The training rows as inputs of the generators; each input is computed on first use."""

    columns: tuple[Column, ...]
    values_of: ValuesOf
    target: InnerFoldTarget
    seed: int

    @cached_property
    def rows(self) -> IntArray:
        return sample_rows(self.target.weight, self.seed)

    @cached_property
    def numbers(self) -> dict[str, FloatArray]:
        """Numeric columns that vary, each ``(n_rows,)``."""
        keys = [column.key for column in self.columns if column.kind in MEASURED]
        numbers = {key: numeric_values(self.values_of(key)) for key in keys}
        return {key: values for key, values in numbers.items() if _varies(values)}

    @cached_property
    def groupings(self) -> dict[str, Grouping]:
        fitted = {c.key: fit_grouping(c, self.values_of(c.key)) for c in self.columns}
        return {key: grouping for key, grouping in fitted.items() if grouping is not None}

    @cached_property
    def categories(self) -> Sequence[str]:
        """Keys of the categorical columns, without numbers that are treated as categories."""
        kind = ColumnKind.CATEGORICAL
        return [c.key for c in self.columns if c.kind is kind and c.key in self.groupings]

    @cached_property
    def codes(self) -> dict[str, IntArray]:
        """Group of each row, by key, ``(n_rows,)``."""
        return {key: g.codes(self.values_of(key)) for key, g in self.groupings.items()}

    @cached_property
    def remainder(self) -> TargetResidual:
        """Residual of the target after the single columns."""
        binned = [bins_of(values[self.rows]) for values in self.numbers.values()]
        grouped = [self.codes[key][self.rows] for key in self.categories]
        return fit_remainder(self.rows, [*binned, *grouped], self.target)

    @cached_property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def combined(self, combinations: Sequence[tuple[str, ...]]) -> FittedGenerator | None:
        """Fits the target encoding of combinations of categories."""
        return fit_combinations(combinations, self.groupings, self.codes, self.target, self.rng)

    def limit(self, most: int) -> int:
        """Largest number of new columns, within ``MAX_CELLS``."""
        return max(1, min(most, MAX_CELLS // len(self.target.part)))

    @property
    def n_encoded(self) -> int:
        """Largest number of categorical columns, or combinations, to encode by the target."""
        n_columns: int = self.target.values.shape[1] + 1
        return max(1, self.limit(MAX_ENCODED) // n_columns)


def _varies(values: FloatArray) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool(known.min() < known.max())


def _arithmetic(source: _Source) -> FittedGenerator | None:
    sample = {key: values[source.rows] for key, values in source.numbers.items()}
    return fit_arithmetic(sample, source.remainder, source.limit(MAX_ARITHMETIC))


def _target(source: _Source) -> FittedGenerator | None:
    n_groups = {key: source.groupings[key].n_codes - 2 for key in source.categories}
    many = [key for key in source.categories if n_groups[key] >= MIN_CATEGORIES]
    alone = [(key,) for key in sorted(many, key=lambda key: -n_groups[key])]
    return source.combined(alone[: source.n_encoded])


def _interactions(source: _Source) -> FittedGenerator | None:
    sample = {key: codes[source.rows] for key, codes in source.codes.items()}
    pairs = choose_pairs(source.groupings, sample, source.remainder, source.n_encoded)
    return source.combined(pairs)


def _groups(source: _Source) -> FittedGenerator | None:
    return fit_groups(
        source.numbers, source.groupings, source.codes, source.remainder, source.limit(MAX_GROUPS)
    )


GENERATORS: dict[str, Callable[[_Source], FittedGenerator | None]] = {
    "arithmetic": _arithmetic,
    "target": _target,
    "interactions": _interactions,
    "groups": _groups,
}
