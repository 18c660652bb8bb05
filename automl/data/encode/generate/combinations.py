"""Generates target and count encodings of categories and of their combinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, State
from automl.data.encode.columns.target import InnerFoldTarget, smoothed_means
from automl.data.encode.generate.generator import (
    FeatureGenerator,
    FittedGenerator,
    Grouping,
    pairs_of,
    position_among,
)
from automl.data.encode.generate.residual import TargetResidual, explained_by_groups
from automl.data.table import IntArray

__all__ = ["CombinationGenerator", "choose_pairs", "fit_combinations"]

MAX_COLUMNS = 20
"""Largest number of columns whose pairs are tried: those with the most groups."""
MIN_SHARE = 0.02
"""Share of the residual of the target that a pair must explain out of fold."""
MIN_GROUPS = 3
"""Pairs with fewer groups are skipped: a family can distinguish them without target means."""


@dataclass(frozen=True, slots=True)
class CombinationGenerator(FeatureGenerator):
    """Out-of-fold target encoding of combinations of groups.

    Attributes:
        keys: Keys of the columns.
        groupings: Grouping of each column.
        combinations: Positions of the combined columns.
        known: For each combination, the joint codes seen in training, ascending.
        tables: For each combination, the encoded row of each code in ``known``, then that of
            unseen codes: ``(n_known + 1, n_outputs + 1)``.
    """

    keys: tuple[str, ...]
    groupings: tuple[Grouping, ...]
    combinations: tuple[tuple[int, ...], ...]
    known: tuple[IntArray, ...]
    tables: tuple[NDArray[np.float32], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per new column."""
        return tuple(
            f"{'_'.join(self.keys[i] for i in columns)}_{name}"
            for columns, table in zip(self.combinations, self.tables, strict=True)
            for name in (*(f"mean{i}" for i in range(table.shape[1] - 1)), "count")
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """For each new column the key of its source column; "" for several."""
        return tuple(
            self.keys[columns[0]] if len(columns) == 1 else ""
            for columns, table in zip(self.combinations, self.tables, strict=True)
            for _ in range(table.shape[1])
        )

    def write(self, columns: Sequence[pa.Array], out: NDArray[np.float32]) -> None:
        """Encodes Arrow arrays of texts or numbers."""
        codes = [g.codes(values) for g, values in zip(self.groupings, columns, strict=True)]
        start = 0
        for places, known, table in zip(self.combinations, self.known, self.tables, strict=True):
            end = start + table.shape[1]
            out[:, start:end] = table[position_among(_joint(places, codes, self.groupings), known)]
            start = end

    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""
        meta = {
            "groupings": [grouping.state() for grouping in self.groupings],
            "combinations": self.combinations,
        }
        arrays = {f"known{i}": known for i, known in enumerate(self.known)}
        return meta, arrays | {f"table{i}": table for i, table in enumerate(self.tables)}

    @classmethod
    def from_state(
        cls, keys: tuple[str, ...], meta: Mapping[str, Any], arrays: Arrays
    ) -> CombinationGenerator:
        """Builds an equal generator from the result of ``state``."""
        combinations = tuple(tuple(places) for places in meta["combinations"])
        return cls(
            keys,
            tuple(Grouping.from_state(grouping) for grouping in meta["groupings"]),
            combinations,
            tuple(arrays[f"known{i}"] for i in range(len(combinations))),
            tuple(arrays[f"table{i}"] for i in range(len(combinations))),
        )


def choose_pairs(
    groupings: Mapping[str, Grouping],
    codes: Mapping[str, IntArray],
    residual: TargetResidual,
    limit: int,
) -> list[tuple[str, str]]:
    """Selects pairs of columns that explain the residual of the target out of fold, best first.

    Args:
        groupings: Groupings by key.
        codes: Groups of the rows of the sample, each ``(n_sample,)``.
        residual: Residual of the target on the sample.
        limit: Largest number of pairs.
    """
    keys = sorted(groupings, key=lambda key: -groupings[key].n_codes)[:MAX_COLUMNS]
    scored = []
    for a, b in pairs_of(len(keys)):
        pair = keys[a], keys[b]
        joint = _joint((0, 1), [codes[key] for key in pair], [groupings[key] for key in pair])
        known, groups = np.unique(joint, return_inverse=True)
        if len(known) < MIN_GROUPS:
            continue
        share = explained_by_groups(groups, residual)
        if share > MIN_SHARE:
            scored.append((share, pair))
    return [pair for _, pair in sorted(scored, key=lambda s: -s[0])[:limit]]


def fit_combinations(
    combinations: Sequence[tuple[str, ...]],
    groupings: Mapping[str, Grouping],
    codes: Mapping[str, IntArray],
    target: InnerFoldTarget,
    rng: np.random.Generator,
) -> FittedGenerator | None:
    """Fits the encoding of combinations on training rows; None if there are none.

    Args:
        combinations: Keys of the columns to combine.
        groupings: Groupings by key.
        codes: Groups of the training rows, each ``(n_rows,)``.
        target: The target of the same rows.
        rng: Draws separate inner folds for each combination, so that the new columns together do
            not reveal which rows their means leave out.
    """
    if not combinations:
        return None
    keys = tuple(dict.fromkeys(key for columns in combinations for key in columns))
    used = tuple(groupings[key] for key in keys)
    rows = [codes[key] for key in keys]
    places = tuple(tuple(keys.index(key) for key in columns) for columns in combinations)
    known, tables, trains = [], [], []
    for columns in places:
        joint, position, counts = np.unique(
            _joint(columns, rows, used), return_inverse=True, return_counts=True
        )
        dealt = replace(target, part=rng.permutation(target.part))
        table, train = smoothed_means(position, len(joint) + 1, dealt)
        frequency = np.log1p(np.append(counts, 0))
        known.append(joint)
        tables.append(np.column_stack([table, frequency]).astype(np.float32))
        trains.append(np.column_stack([train, frequency[position]]).astype(np.float32))
    generator = CombinationGenerator(keys, used, places, tuple(known), tuple(tables))
    return FittedGenerator(generator, np.column_stack(trains))


def _joint(
    columns: Sequence[int], codes: Sequence[IntArray], groupings: Sequence[Grouping]
) -> IntArray:
    """One code per combination of groups."""
    joint = codes[columns[0]]
    for column in columns[1:]:
        joint = joint * groupings[column].n_codes + codes[column]
    return joint
