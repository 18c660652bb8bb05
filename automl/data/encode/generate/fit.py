"""Fits the generators of new columns that a view asks for, on the training rows of a fold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.target import InnerTarget
from automl.data.encode.generate.arithmetic import fit_arithmetic
from automl.data.encode.generate.combinations import choose_pairs, fit_combinations
from automl.data.encode.generate.generator import FittedGenerator, Grouping, fit_grouping, measures
from automl.data.encode.generate.groups import fit_groups
from automl.data.encode.generate.residual import Remainder, bins_of, fit_remainder, sample_rows
from automl.data.table import Column, IntArray
from automl.plugin.context import View
from automl.plugin.task import ColumnKind

__all__ = ["fit_generators"]

MAX_ARITHMETIC, MAX_ENCODED, MAX_GROUPS = 20, 40, 20
"""The most new columns of a kind, for each of the two that encode categories."""
MIN_CATEGORIES = 3
"""Of two groups, the code tells as much as the mean of the target."""
MAX_CELLS = 20_000_000
"""Entries of all new columns of one kind together, which bounds time and memory."""
MIN_ROWS = 200
"""With fewer rows what candidates explain is chance."""
MEASURED = frozenset({ColumnKind.NUMERIC, ColumnKind.BOOLEAN, ColumnKind.DATETIME})

ValuesOf: TypeAlias = Callable[[str], pa.Array]


def fit_generators(
    columns: Iterable[Column], values_of: ValuesOf, target: InnerTarget, view: View, seed: int
) -> list[FittedGenerator]:
    """Fits what the view asks for; a kind of columns that explains nothing further is left out.

    Args:
        columns: Those the family is shown.
        values_of: Gives the training values of a column by its key, ``(n_rows,)``.
        target: The target of the training rows.
        view: Says what to generate.
        seed: Of the sample of rows that candidates are judged on.
    """
    if not view.generated or np.count_nonzero(target.weight) < MIN_ROWS:
        return []
    source = _Source(tuple(columns), values_of, target, seed)
    fitted = [GENERATORS[name](source) for name in dict.fromkeys(view.generated)]
    return [generator for generator in fitted if generator is not None]


@dataclass(frozen=True)
class _Source:
    """The training rows as the generators see them; each part is made when it is first needed."""

    columns: tuple[Column, ...]
    values_of: ValuesOf
    target: InnerTarget
    seed: int

    @cached_property
    def rows(self) -> IntArray:
        return sample_rows(self.target.weight, self.seed)

    @cached_property
    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """Numeric columns that vary, each ``(n_rows,)``."""
        keys = [column.key for column in self.columns if column.kind in MEASURED]
        numbers = {key: measures(self.values_of(key)) for key in keys}
        return {key: values for key, values in numbers.items() if _varies(values)}

    @cached_property
    def groupings(self) -> dict[str, Grouping]:
        fitted = {c.key: fit_grouping(c, self.values_of(c.key)) for c in self.columns}
        return {key: grouping for key, grouping in fitted.items() if grouping is not None}

    @cached_property
    def categories(self) -> Sequence[str]:
        """Keys of the columns that are categories, not numbers taken for such."""
        kind = ColumnKind.CATEGORICAL
        return [c.key for c in self.columns if c.kind is kind and c.key in self.groupings]

    @cached_property
    def codes(self) -> dict[str, IntArray]:
        """Group of each row, by key, ``(n_rows,)``."""
        return {key: g.codes(self.values_of(key)) for key, g in self.groupings.items()}

    @cached_property
    def remainder(self) -> Remainder:
        """What the columns alone leave unexplained."""
        binned = [bins_of(values[self.rows]) for values in self.numbers.values()]
        grouped = [self.codes[key][self.rows] for key in self.categories]
        return fit_remainder(self.rows, [*binned, *grouped], self.target)

    @cached_property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def combined(self, combinations: Sequence[tuple[str, ...]]) -> FittedGenerator | None:
        """The target encoding of combinations of categories."""
        return fit_combinations(combinations, self.groupings, self.codes, self.target, self.rng)

    def limit(self, most: int) -> int:
        """How many new columns there may be."""
        return max(1, min(most, MAX_CELLS // len(self.target.part)))

    @property
    def n_encoded(self) -> int:
        """How many categories, or combinations of them, may be encoded by the target."""
        n_columns: int = self.target.values.shape[1] + 1
        return max(1, self.limit(MAX_ENCODED) // n_columns)


def _varies(values: NDArray[np.float64]) -> bool:
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
        source.numbers,
        source.groupings,
        source.codes,
        source.remainder,
        source.limit(MAX_GROUPS),
    )


GENERATORS: dict[str, Callable[[_Source], FittedGenerator | None]] = {
    "arithmetic": _arithmetic,
    "target": _target,
    "interactions": _interactions,
    "groups": _groups,
}
