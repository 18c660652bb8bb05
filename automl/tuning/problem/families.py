"""Selects the families that support the data, and estimates their shortest cross-validation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from automl.data.split.choose import SHORT_FOLDS
from automl.errors import PluginError
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily
from automl.plugin.selective import SelectiveFamily
from automl.plugin.task import ColumnKind
from automl.registry.registry import is_suited
from automl.scheduling.devices.capacity import Capacity
from automl.tuning.problem.search_space import extra_params

__all__ = ["Families", "min_cv_s", "select_families"]

Families: TypeAlias = Mapping[str, tuple[ModelFamily, ProblemInfo]]
"""Families by name, each with the problem as it sees it."""

NO_COLUMN = "no column of a kind that it supports"


def select_families(
    candidates: Families,
    are_named: bool = True,
    kinds: Collection[ColumnKind] = frozenset(ColumnKind),
) -> tuple[dict[str, tuple[ModelFamily, ProblemInfo]], list[str]]:
    """The families that support the data, and for the others each reason once.

    Args:
        candidates: Families, each with its ProblemInfo.
        are_named: Whether the user asked for these. If not, it needs no note that a family of
            images is not tried on a table of numbers.
        kinds: Kinds of the columns.

    Raises:
        PluginError: No family supports the data.
    """
    chosen: dict[str, tuple[ModelFamily, ProblemInfo]] = {}
    refused: dict[str, list[str]] = {}
    for name, (family, problem) in candidates.items():
        why = _refusal(family, problem)
        if why is None:
            chosen[name] = (family, problem)
        else:
            refused.setdefault(why, []).append(name)
    notes = []
    for why, names in refused.items():
        if chosen and not are_named:
            names = [n for n in names if why != NO_COLUMN and is_suited(candidates[n][0], kinds)]
        if names:
            notes.append(f"{', '.join(names)} skipped: {why}")
    if not chosen:
        raise PluginError(f"no family supports this data: {'; '.join(notes)}")
    return chosen, notes


def _refusal(family: ModelFamily, problem: ProblemInfo) -> str | None:
    """Reason not to try a family; None to try it."""
    if problem.task not in family.tasks:
        return f"it does not support {problem.task.value} tasks"
    if problem.n_columns == 0:
        return NO_COLUMN
    try:
        why = family.unsupported_reason(problem) if isinstance(family, SelectiveFamily) else None
        if why is None:  # calls that the search will make
            family.resources(problem)
            family.portfolio(problem)
            extra_params(family, problem)
            _useful_s(family, problem)
    except Exception as error:  # the code of a plugin may raise anything
        return f"its check of this data fails with {type(error).__name__}: {error}"
    return why


def _useful_s(family: ModelFamily, problem: ProblemInfo) -> float | None:
    return family.min_useful_fit_s(problem) if isinstance(family, SelectiveFamily) else None


def min_cv_s(candidates: Families, capacity: Capacity) -> float:
    """Shortest time in seconds of a useful trial on a few folds.

    Returns:
        0 if a supporting family declares no minimum, as most families of tables.
    """
    taking = [(f, problem) for f, problem in candidates.values() if _refusal(f, problem) is None]
    guesses = [_useful_s(family, problem) for family, problem in taking]
    known = [guess for guess in guesses if guess is not None]
    if not known or len(known) < len(guesses):
        return 0.0
    n_beside = max(1, len(capacity.gpus) or min(capacity.n_cpus, SHORT_FOLDS))
    return SHORT_FOLDS * min(known) / n_beside
