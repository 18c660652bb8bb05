"""Whether a family is tried on some data, and how early."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.plugin.task import ColumnKind

__all__ = ["SelectiveFamily"]


class SelectiveFamily(ModelFamily):
    """A family that is not for all data with columns of its kinds.

    Attributes:
        needs: Groups of column kinds. A table without a column of each group is nothing for the
            family; a user who did not name the family is not told that it is skipped.
    """

    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = ()

    def suits(self, kinds: Collection[ColumnKind]) -> bool:
        """Whether a table with columns of such kinds has what ``needs`` names."""
        return all(not group.isdisjoint(kinds) for group in self.needs)

    def accepts(self, shape: Shape) -> str | None:
        """Says why this family should not be tried on such data; None when it should.

        The reason is shown to the user.
        """
        return None

    def priority_for(self, shape: Shape) -> int:
        """The priority on such data; ``priority`` where that does not matter."""
        return self.priority

    def useful_s(self, shape: Shape) -> float | None:
        """Shortest useful fit of the default params on one fold, in seconds on one core or GPU.

        Where only families with such an estimate take the data and the budget is too short for
        folds, the search takes one holdout in their place. None for a family that learns quickly.
        """
        return None
