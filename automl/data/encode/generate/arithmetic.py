"""Generates sums, differences, products and quotients of two numeric columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, State
from automl.data.encode.generate.generator import (
    FeatureGenerator,
    FittedGenerator,
    numeric_values,
    offsets_of,
    pairs_of,
    quotient,
    within_float32,
)
from automl.data.encode.generate.residual import (
    TargetResidual,
    drop_correlated,
    explained_share,
    most_telling,
)
from automl.data.table import FloatArray

__all__ = ["ArithmeticGenerator", "fit_arithmetic"]

MAX_COLUMNS = 24
"""Largest number of columns to combine: those that explain most of the target on their own."""
MIN_DISTINCT = 3
SPARE = 3
"""Candidates checked for correlation, per wanted column."""

Term: TypeAlias = tuple[str, int, int]
"""An operation, and the positions of two columns."""


OPERATIONS: Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "plus": np.add,
    "minus": np.subtract,
    "times": np.multiply,
    "over": quotient,
}


@dataclass(frozen=True, slots=True)
class ArithmeticGenerator(FeatureGenerator):
    """Combines pairs of columns; missing where either is missing, or where a divisor is 0.

    Attributes:
        keys: Keys of the columns.
        terms: The new columns.
        offsets: Offset subtracted from each new column.
    """

    keys: tuple[str, ...]
    terms: tuple[Term, ...]
    offsets: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per new column."""
        return tuple(f"{self.keys[a]}_{name}_{self.keys[b]}" for name, a, b in self.terms)

    def write(self, columns: Sequence[pa.Array], out: NDArray[np.float32]) -> None:
        """Combines Arrow arrays of numbers or dates."""
        values = [numeric_values(column) for column in columns]
        for position, term in enumerate(self.terms):
            out[:, position] = _term(term, values) - self.offsets[position]

    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""
        return {"terms": self.terms, "offsets": self.offsets}, {}

    @classmethod
    def from_state(
        cls, keys: tuple[str, ...], meta: Mapping[str, Any], arrays: Arrays
    ) -> ArithmeticGenerator:
        """Builds an equal generator from the result of ``state``."""
        terms = tuple((name, int(a), int(b)) for name, a, b in meta["terms"])
        # Old runs have no offsets.
        return cls(keys, terms, tuple(meta.get("offsets") or (0.0,) * len(terms)))


def fit_arithmetic(
    columns: Mapping[str, FloatArray], residual: TargetResidual, limit: int
) -> FittedGenerator | None:
    """Chooses combinations that explain the residual of the target; None if none does.

    Args:
        columns: Numeric columns of the sample by key, each ``(n_sample,)``, NaN where missing.
        residual: Residual of the target on the sample.
        limit: Largest number of new columns.
    """
    varied = {key: values for key, values in columns.items() if _n_distinct(values) >= MIN_DISTINCT}
    keys = most_telling(varied, residual, MAX_COLUMNS)
    values = [columns[key] for key in keys]
    scored: list[tuple[float, Term]] = []
    for a, b in pairs_of(len(keys)):
        terms = [*((name, a, b) for name in OPERATIONS), ("over", b, a)]
        block = np.column_stack([_term(term, values) for term in terms])
        shares = explained_share(block, residual.residual, residual.weight)
        scored += zip(shares.tolist(), terms, strict=True)
    least = residual.least_share
    best = sorted((s for s in scored if s[0] > least), key=lambda s: -s[0])[: SPARE * limit]
    if not best:
        return None
    candidates = np.column_stack([_term(term, values) for _, term in best])
    kept = drop_correlated(candidates, limit)
    chosen = [best[i][1] for i in kept]
    used = sorted({position for _, a, b in chosen for position in (a, b)})
    place = {position: i for i, position in enumerate(used)}
    return FittedGenerator(
        ArithmeticGenerator(
            tuple(keys[position] for position in used),
            tuple((name, place[a], place[b]) for name, a, b in chosen),
            offsets_of(candidates[:, kept]),
        )
    )


def _n_distinct(values: FloatArray) -> int:
    return len(np.unique(values[~np.isnan(values)]))


def _term(term: Term, values: Sequence[FloatArray]) -> FloatArray:
    name, a, b = term
    with np.errstate(over="ignore", invalid="ignore"):
        return within_float32(OPERATIONS[name](values[a], values[b]))
