"""Base class for the branches of a net, each of which reads one column or the encoded columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from automl.plugin import Rows

__all__ = ["Branch", "BranchInputs"]


class Branch(nn.Module):
    """Computes features from one part of a row.

    Attributes:
        n_features: Number of features of ``forward``, ``(n_rows, n_features)``.
    """

    n_features: int

    def column_of(self, rows: Rows) -> Any:
        """The input of this branch for some rows; it has a length and can be indexed by rows."""
        raise NotImplementedError

    def inputs_of(self, column: Any, device: torch.device) -> tuple[Tensor, ...]:
        """The arguments of ``forward`` for rows of ``column_of``."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class BranchInputs:
    """Inputs of several branches for the same rows.

    Attributes:
        each: Result of ``column_of`` of each branch.
    """

    each: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.each[0])

    def __getitem__(self, rows: Any) -> BranchInputs:
        """Some of the rows: a slice, a mask or row numbers."""
        return BranchInputs(tuple(column[rows] for column in self.each))
