"""Converts params that name columns of the user's table to positions of encoded columns.

Encoders choose the order of the encoded columns, and a fold may lack a column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automl.plugin import ColumnKind, Features, Param, ProblemInfo

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
    """A param with one number for each column that is encoded unchanged."""
    return Param(kind, low=low, high=high, form="columns", columns=_NUMERIC)


def is_constrained(problem: ProblemInfo) -> bool:
    """True if the user has set constraints, which generated columns could violate."""
    fixed = problem.settings.get("fixed") or {}
    return MONOTONE in fixed or INTERACTIONS in fixed


def values_by_position(
    values: Mapping[str, Any], features: Features, problem: ProblemInfo, default: Any
) -> list[Any]:
    """Returns one value for each encoded column.

    Args:
        values: Values by column name of the user's table.
        features: The encoded columns.
        problem: Maps column names to keys.
        default: Value of the columns without a name in ``values``.
    """
    by_key = {
        problem.columns[name]: value for name, value in values.items() if name in problem.columns
    }
    return [by_key.get(source, default) for source in features.sources]


def groups_of_positions(
    groups: Sequence[Sequence[str]], features: Features, problem: ProblemInfo
) -> list[list[int]]:
    """Returns groups of encoded columns that may occur together in a path of a tree.

    The columns in no group form another one, as in scikit-learn; libraries differ in whether they
    use such columns at all.

    Args:
        groups: Column names of the user's table.
        features: The encoded columns.
        problem: Maps column names to keys.
    """
    keys = [{problem.columns[str(name)] for name in group} for group in groups]
    named = set().union(*keys)
    keys.append({source for source in features.sources if source not in named})
    positions = [
        [i for i, source in enumerate(features.sources) if source in group] for group in keys
    ]
    return [group for group in positions if group]
