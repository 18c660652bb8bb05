"""Base class of families that suit only some data."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily
from automl.plugin.task import ColumnKind

__all__ = ["SelectiveFamily"]


class SelectiveFamily(ModelFamily):
    """A family that does not suit all data with columns of its kinds.

    Attributes:
        needs: Groups of column kinds. A table must have a column of each group; otherwise the
            family is skipped, with a note only if the user named it.

    Example:
        >>> class Rocket(SelectiveFamily):
        ...     name, needs = "rocket", (frozenset({ColumnKind.SEQUENCE}),)
        ...     def unsupported_reason(self, problem):
        ...         return "it needs at least 20 rows" if problem.n_rows < 20 else None
    """

    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = ()

    def suits(self, kinds: Collection[ColumnKind]) -> bool:
        """Whether a table with columns of these kinds has a column of each group in ``needs``."""
        return all(not group.isdisjoint(kinds) for group in self.needs)

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Returns why this family should be skipped, as text for the user; else None."""
        return None

    def priority_for(self, problem: ProblemInfo) -> int:
        """Returns the priority for this problem; by default ``priority``."""
        return self.priority

    def min_useful_fit_s(self, problem: ProblemInfo) -> float | None:
        """Shortest useful fit of the default params on one fold, in seconds on one core or GPU.

        If all families that support the data have such an estimate and the budget is too short
        for folds, the search uses a holdout. None for families that train quickly.
        """
        return None
