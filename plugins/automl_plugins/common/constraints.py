"""Params that name columns of the user's table, as positions of encoded columns.

The order of encoded columns is the encoder's affair, and folds may lack a column; a user names
columns as they stand in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automl.plugin import ColumnKind, Features, Param, Shape

__all__ = [
    "INTERACTIONS",
    "MONOTONE",
    "groups_of_positions",
    "is_constrained",
    "numeric_columns",
    "values_by_position",
]

MONOTONE, INTERACTIONS = "monotone_constraints", "interaction_constraints"

_NUMERIC = frozenset({ColumnKind.NUMERIC, ColumnKind.BOOLEAN})


def numeric_columns(kind: Any, low: float | None = None, high: float | None = None) -> Param:
    """A param with one number for each column that is encoded as it is."""
    return Param(kind, low=low, high=high, form="columns", columns=_NUMERIC)


def is_constrained(shape: Shape) -> bool:
    """Whether the user asks for constraints that columns made of several others would evade."""
    fixed = shape.settings.get("fixed") or {}
    return MONOTONE in fixed or INTERACTIONS in fixed


def values_by_position(
    values: Mapping[str, Any], features: Features, shape: Shape, default: Any
) -> list[Any]:
    """One value for each encoded column.

    Args:
        values: By name of a column in the user's table.
        features: The encoded columns.
        shape: Knows the keys of columns.
        default: For columns that are not named.
    """
    by_key = {shape.columns[name]: value for name, value in values.items() if name in shape.columns}
    return [by_key.get(source, default) for source in features.sources]


def groups_of_positions(
    groups: Sequence[Sequence[str]], features: Features, shape: Shape
) -> list[list[int]]:
    """Encoded columns that may meet in one tree path, by group.

    Columns that no group names are a group of their own, as in scikit-learn: libraries differ in
    whether they use such columns at all.

    Args:
        groups: Names of columns in the user's table.
        features: The encoded columns.
        shape: Knows the keys of columns.
    """
    keys = [{shape.columns[str(name)] for name in group} for group in groups]
    named = set().union(*keys)
    keys.append({source for source in features.sources if source not in named})
    positions = [
        [i for i, source in enumerate(features.sources) if source in group] for group in keys
    ]
    return [group for group in positions if group]
