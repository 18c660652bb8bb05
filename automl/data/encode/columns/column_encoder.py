"""What the encoders of all column kinds have in common: one column in, a block of columns out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.plugin.rows import Matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Arrays", "Block", "FittedBlock", "State", "inner_arrays", "prefixed"]

Arrays: TypeAlias = "Mapping[str, NDArray[Any]]"
State: TypeAlias = "tuple[dict[str, Any], dict[str, NDArray[Any]]]"
"""What a block keeps: JSON values, and arrays by name."""


class Block(ABC):
    """A fitted encoder of one column of the table.

    Attributes:
        key: Key of the column in the table.
        names: One name per column of the block.
    """

    key: str

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """One name per column of the block."""

    @property
    def cardinality(self) -> int:
        """Number of codes where the block is one column of category codes; else 0."""
        return 0

    @abstractmethod
    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes values ``(n_rows,)`` into ``out``, ``(n_rows, len(names))``."""

    def sparse(self, values: pa.Array) -> csr_matrix:
        """Encodes values into a CSR matrix of the same shape."""
        from scipy.sparse import csr_matrix

        out = np.empty((len(values), len(self.names)), dtype=np.float32)
        self.write(values, out)
        return csr_matrix(out)


@dataclass(frozen=True, slots=True)
class FittedBlock:
    """A block, and what is known from fitting it.

    Attributes:
        block: The fitted encoder.
        n_nonzero: Entries of a row that are not zero, on average.
        train: The encoded training rows where they differ from what ``write`` gives (out-of-fold
            target encoding) or are costly to compute again (text); None otherwise.
    """

    block: Block
    n_nonzero: float
    train: Matrix | None = None


def prefixed(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Arrays of an inner part under names of their own."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def inner_arrays(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """The arrays that ``prefixed`` named, under their old names."""
    start = f"{prefix}."
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
