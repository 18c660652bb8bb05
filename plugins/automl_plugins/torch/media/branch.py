"""Parts of a net, each of which reads one thing that a row holds, and what they read together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from automl.plugin import Rows

__all__ = ["Columns", "Part"]


class Part(nn.Module):
    """Reads one thing that a row holds, and makes features of it.

    Attributes:
        n_features: That ``forward`` gives, ``(n_rows, n_features)``.
    """

    n_features: int

    def column_of(self, rows: Rows) -> Any:
        """What is read of some rows: it has a length, and gives some of its rows as they do."""
        raise NotImplementedError

    def inputs_of(self, column: Any, device: torch.device) -> tuple[Tensor, ...]:
        """The arguments of ``forward`` for rows of what ``column_of`` gave."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Columns:
    """What several parts read of the same rows.

    Attributes:
        each: What ``column_of`` of each part gave.
    """

    each: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.each[0])

    def __getitem__(self, rows: Any) -> Columns:
        """Some of the rows: a slice, a mask or row numbers."""
        return Columns(tuple(column[rows] for column in self.each))
