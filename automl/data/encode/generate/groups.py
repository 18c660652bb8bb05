"""Generates comparisons of numbers with the mean and standard deviation of their group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, State
from automl.data.encode.generate.generator import (
    FeatureGenerator,
    FittedGenerator,
    Grouping,
    numeric_values,
    offsets_of,
    quotient,
    within_float32,
)
from automl.data.encode.generate.residual import (
    TargetResidual,
    drop_correlated,
    explained_share,
    most_telling,
)
from automl.data.table import FloatArray, IntArray

__all__ = ["GroupGenerator", "fit_groups"]

MAX_NUMBERS, MAX_GROUPINGS = 16, 8
MIN_ROWS_OF_GROUP = 10
"""Smallest mean number of rows per group."""
SPARE = 3

Term: TypeAlias = tuple[str, int, int]
"""A comparison, and the positions of the numeric column and the group column."""


def _score(value: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    return np.divide(
        value - mean, deviation, out=np.where(np.isnan(value), np.nan, 0.0), where=deviation > 0
    )


COMPARISONS: Mapping[str, Callable[[FloatArray, FloatArray, FloatArray], FloatArray]] = {
    "ratio": lambda value, mean, deviation: quotient(value, mean),
    "excess": lambda value, mean, deviation: value - mean,
    "score": _score,
}


@dataclass(frozen=True, slots=True)
class GroupGenerator(FeatureGenerator):
    """Compares numbers with their group; an unseen group uses the moments of all rows.

    Attributes:
        keys: Keys of the numeric columns, then those of the group columns.
        groupings: Groupings of the group columns.
        terms: The new columns.
        moments: Mean and standard deviation by group for each term, ``(n_groups, 2)``.
        offsets: Offset subtracted from each new column.
    """

    keys: tuple[str, ...]
    groupings: tuple[Grouping, ...]
    terms: tuple[Term, ...]
    moments: tuple[FloatArray, ...]
    offsets: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per new column."""
        return tuple(f"{self.keys[a]}_{name}_in_{self.keys[b]}" for name, a, b in self.terms)

    def write(self, columns: Sequence[pa.Array], out: NDArray[np.float32]) -> None:
        """Compares Arrow arrays of numbers or dates with their groups."""
        n_numbers = len(self.keys) - len(self.groupings)
        values = [numeric_values(column) for column in columns[:n_numbers]]
        pairs = zip(self.groupings, columns[n_numbers:], strict=True)
        codes = [grouping.codes(column) for grouping, column in pairs]
        parts = zip(self.terms, self.moments, strict=True)
        for position, ((name, a, b), moments) in enumerate(parts):
            new = _compared(name, values[a], codes[b - n_numbers], moments)
            out[:, position] = new - self.offsets[position]

    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""
        meta: dict[str, Any] = {
            "groupings": [g.state() for g in self.groupings],
            "terms": self.terms,
            "offsets": self.offsets,
        }
        return meta, {f"moments{i}": moments for i, moments in enumerate(self.moments)}

    @classmethod
    def from_state(
        cls, keys: tuple[str, ...], meta: Mapping[str, Any], arrays: Arrays
    ) -> GroupGenerator:
        """Builds an equal generator from the result of ``state``."""
        terms = tuple((name, int(a), int(b)) for name, a, b in meta["terms"])
        groupings = tuple(Grouping.from_state(grouping) for grouping in meta["groupings"])
        moments = tuple(arrays[f"moments{i}"] for i in range(len(terms)))
        # Old runs have no offsets.
        offsets = tuple(meta.get("offsets") or (0.0,) * len(terms))
        return cls(keys, groupings, terms, moments, offsets)


def fit_groups(
    numbers: Mapping[str, FloatArray],
    groupings: Mapping[str, Grouping],
    codes: Mapping[str, IntArray],
    residual: TargetResidual,
    limit: int,
) -> FittedGenerator | None:
    """Chooses comparisons that explain the residual of the target; None if none does.

    Args:
        numbers: Numeric columns of the training rows by key, each ``(n_rows,)``.
        groupings: Groupings by key.
        codes: Groups of the training rows, each ``(n_rows,)``.
        residual: Residual of the target on a sample of them.
        limit: Largest number of new columns.
    """
    rows = residual.rows
    best = _scored(numbers, groupings, codes, residual)[: SPARE * limit]
    if not best:
        return None
    candidates = [_compared(n, numbers[a][rows], codes[b][rows], m) for _, (n, a, b), m in best]
    columns = np.column_stack(candidates)
    places = drop_correlated(columns, limit)
    kept = [best[i] for i in places]
    first = tuple(dict.fromkeys(a for _, (_, a, _), _ in kept))
    second = tuple(dict.fromkeys(b for _, (_, _, b), _ in kept))
    return FittedGenerator(
        GroupGenerator(
            (*first, *second),
            tuple(groupings[key] for key in second),
            tuple((n, first.index(a), len(first) + second.index(b)) for _, (n, a, b), _ in kept),
            tuple(moments for _, _, moments in kept),
            offsets_of(columns[:, places]),
        )
    )


def _scored(
    numbers: Mapping[str, FloatArray],
    groupings: Mapping[str, Grouping],
    codes: Mapping[str, IntArray],
    residual: TargetResidual,
) -> list[tuple[float, tuple[str, str, str], FloatArray]]:
    """Share, term and moments of each candidate that explains enough, best first."""
    rows, least = residual.rows, residual.least_share
    sample = {key: values[rows] for key, values in numbers.items()}
    pairs = product(_usable(groupings, codes), most_telling(sample, residual, MAX_NUMBERS))
    scored = []
    for b, a in pairs:
        if a == b:
            continue
        moments = _moments(numbers[a], codes[b], groupings[b].n_codes)
        value, group = sample[a], codes[b][rows]
        block = np.column_stack([_compared(n, value, group, moments) for n in COMPARISONS])
        shares = explained_share(block, residual.residual, residual.weight)
        scored += [
            (float(share), (name, a, b), moments)
            for name, share in zip(COMPARISONS, shares, strict=True)
            if share > least
        ]
    return sorted(scored, key=lambda candidate: -candidate[0])


def _usable(groupings: Mapping[str, Grouping], codes: Mapping[str, IntArray]) -> list[str]:
    enough = [k for k in groupings if len(codes[k]) >= MIN_ROWS_OF_GROUP * groupings[k].n_codes]
    return sorted(enough, key=lambda key: -groupings[key].n_codes)[:MAX_GROUPINGS]


def _moments(values: FloatArray, codes: IntArray, n_codes: int) -> FloatArray:
    """Mean and standard deviation by group; those of all rows for a group without numbers."""
    known = ~np.isnan(values)
    values, codes = values[known], codes[known]
    if len(values) == 0:
        return np.full((n_codes, 2), np.nan)
    centre, spread = float(values.mean()), float(values.std())
    counts = np.bincount(codes, minlength=n_codes)
    some = np.maximum(counts, 1)
    mean = np.bincount(codes, weights=values - centre, minlength=n_codes) / some + centre
    square = np.bincount(codes, weights=(values - mean[codes]) ** 2, minlength=n_codes) / some
    empty = counts == 0
    mean[empty] = centre
    deviation = np.where(empty, spread, np.sqrt(square))
    return np.column_stack([mean, deviation])


def _compared(name: str, values: FloatArray, codes: IntArray, moments: FloatArray) -> FloatArray:
    mean, deviation = moments[codes, 0], moments[codes, 1]
    with np.errstate(over="ignore", invalid="ignore"):
        return within_float32(COMPARISONS[name](values, mean, deviation))
