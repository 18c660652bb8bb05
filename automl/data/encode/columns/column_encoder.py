"""The base class of column encoders: one table column in, a block of matrix columns out."""

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

__all__ = ["Arrays", "ColumnEncoder", "FittedColumn", "State", "inner_arrays", "prefixed"]

Arrays: TypeAlias = "Mapping[str, NDArray[Any]]"
State: TypeAlias = "tuple[dict[str, Any], dict[str, NDArray[Any]]]"
"""The state of a block: JSON values, and arrays by name."""


class ColumnEncoder(ABC):
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
        """Number of codes if the block is one column of category codes, otherwise 0."""
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
class FittedColumn:
    """A fitted block, with results of the fit.

    Attributes:
        block: The fitted encoder.
        n_nonzero: Mean number of non-zero entries in a row.
        train: The encoded training rows if they differ from the output of ``write`` (out-of-fold
            target encoding) or are costly to recompute (text); None otherwise.
    """

    block: ColumnEncoder
    n_nonzero: float
    train: Matrix | None = None


def prefixed(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Adds a prefix to the names of the arrays of an inner part."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def inner_arrays(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Selects the arrays with a prefix, and removes it from their names."""
    start = f"{prefix}."
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
