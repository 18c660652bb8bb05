"""Saves encoded matrices, dense or CSR, as ``.npy`` files and opens them memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import RunError
from automl.plugin.rows import Matrix
from automl.store.files import write_array

__all__ = ["damaged", "open_matrix", "save_matrix"]

CSR_PARTS = ("data", "indices", "indptr")


def save_matrix(folder: Path, name: str, matrix: Matrix) -> None:
    """Writes ``<name>.npy``, or one file for each part of a CSR matrix."""
    parts = (
        {name: matrix}
        if isinstance(matrix, np.ndarray)
        else {f"{name}.{part}": getattr(matrix, part) for part in CSR_PARTS}
    )
    for part, array in parts.items():
        with (folder / f"{part}.npy").open("wb") as file:
            write_array(file, array)


def open_matrix(folder: Path, name: str, shape: tuple[int, int], is_sparse: bool) -> Matrix:
    """Maps a matrix that ``save_matrix`` wrote.

    Raises:
        RunError: A file is missing or damaged; the message names it.
    """
    if not is_sparse:
        matrix = _open_array(folder / f"{name}.npy")
        if matrix.shape != shape:
            reason = ValueError(f"it has shape {matrix.shape}, expected {shape}")
            raise damaged(folder / f"{name}.npy", reason)
        return matrix
    from scipy.sparse import csr_matrix

    parts = tuple(_open_array(folder / f"{name}.{part}.npy") for part in CSR_PARTS)
    try:
        return csr_matrix(parts, shape=shape, copy=False)
    except ValueError as error:
        raise damaged(folder / f"{name}.indptr.npy", error) from None


def _open_array(path: Path) -> NDArray[Any]:
    """Maps an array, as a plain ndarray, since slices of a memmap would be memmaps too."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
    return np.asarray(array)


def damaged(path: Path, error: Exception) -> RunError:
    """Returns the error for a damaged file of an encoded fold."""
    return RunError(f"{path} is damaged: {error}; delete {path.parent}, and it is rebuilt")
