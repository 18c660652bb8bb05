"""Rows with images, sequences or texts, as a family receives them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from automl.plugin.task import TABULAR_KINDS, ColumnKind

if TYPE_CHECKING:
    import pyarrow as pa
    from scipy.sparse import csr_matrix

__all__ = ["Images", "Matrix", "Rows", "Sequences", "Texts"]

Matrix: TypeAlias = "NDArray[np.float32] | csr_matrix"
"""Encoded rows: float32 ``(n_rows, n_features)``; CSR only if the encoding allows ``sparse``."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The images of one column. Nothing is copied before ``read``.

    Attributes:
        pixels: ``(n_images, height, width, channels)`` (uint8), read-only and memory-mapped;
            1 channel is grey, 3 are red, green and blue. A missing image is black.
        index: Position in ``pixels`` of the image of each row (int64), ``(n_rows,)``.

    Example:
        >>> images = Images(np.zeros((2, 8, 8, 3), np.uint8), index=np.array([0, 1, 1]))
        >>> images[1:].read().shape
        (2, 8, 8, 3)
    """

    pixels: NDArray[np.uint8]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Images:
        """Selects rows by a slice, a mask or row numbers."""
        return Images(self.pixels, self.index[rows])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        _, height, width, channels = self.pixels.shape
        return height, width, channels

    def read(self) -> NDArray[np.uint8]:
        """Returns a copy of the images in row order, ``(n_rows, height, width, channels)``."""
        return self.pixels[self.index]


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """The sequences of one column, which may differ in length. Nothing is copied before reading.

    Attributes:
        values: Steps of all sequences, concatenated, ``(n_steps, n_channels)`` (float32),
            read-only and memory-mapped; NaN for missing values.
        offsets: Sequence i has the steps ``offsets[i]:offsets[i + 1]`` (int64),
            ``(n_sequences + 1,)``, at least one. A missing sequence is one step of NaN.
        index: Number of the sequence of each row (int64), ``(n_rows,)``.

    Example:
        >>> steps = np.arange(5, dtype=np.float32).reshape(-1, 1)
        >>> sequences = Sequences(steps, offsets=np.array([0, 3, 5]), index=np.array([0, 1]))
        >>> sequences.lengths.tolist(), sequences.padded().shape
        ([3, 2], (2, 3, 1))
    """

    values: NDArray[np.float32]
    offsets: NDArray[np.int64]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Sequences:
        """Selects rows by a slice, a mask or row numbers."""
        return Sequences(self.values, self.offsets, self.index[rows])

    @property
    def n_channels(self) -> int:
        """Number of values per step."""
        return int(self.values.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each row, ``(n_rows,)``."""
        return self.offsets[self.index + 1] - self.offsets[self.index]

    def steps(self) -> NDArray[np.float32]:
        """Returns a copy of the steps of all rows, ``(sum of lengths, n_channels)``."""
        lengths = self.lengths
        first = np.repeat(self.offsets[self.index] - lengths.cumsum() + lengths, lengths)
        return self.values[first + np.arange(int(lengths.sum()))]

    def padded(self, n_steps: int | None = None) -> NDArray[np.float32]:
        """Returns the sequences padded with NaN, ``(n_rows, n_steps, n_channels)``.

        Args:
            n_steps: Number of steps to take of each; None takes the length of the longest.
        """
        lengths = self.lengths
        width = int(lengths.max(initial=1)) if n_steps is None else n_steps
        out = np.full((len(self), width, self.n_channels), np.nan, dtype=np.float32)
        steps, ends = self.steps(), lengths.cumsum()
        for i, (length, end) in enumerate(zip(lengths.tolist(), ends.tolist(), strict=True)):
            taken = min(length, width)
            out[i, :taken] = steps[end - length : end - length + taken]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """The texts of one column. Nothing is copied before ``read``.

    Attributes:
        values: All texts, an Arrow array of strings ``(n_texts,)``, memory-mapped; null if missing.
        index: Position in ``values`` of the text of each row (int64), ``(n_rows,)``.

    Example:
        >>> import pyarrow as pa
        >>> Texts(pa.array(["red", None]), index=np.array([1, 0, 0])).read()
        ['', 'red', 'red']
    """

    values: pa.StringArray
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Texts:
        """Selects rows by a slice, a mask or row numbers."""
        return Texts(self.values, self.index[rows])

    def read(self) -> list[str]:
        """Returns the texts in row order; a missing one is empty."""
        return [text or "" for text in self.values.take(self.index).to_pylist()]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows with their matrix, images, sequences and texts.

    Attributes:
        X: Encoded columns, ``(n_rows, n_features)``; one constant column if there are none.
        images: One per image column.
        sequences: One per sequence column.
        texts: One per text column, if the encoding of text is ``raw``.

    Example:
        >>> rows = Rows(np.eye(3, dtype=np.float32))
        >>> rows[[0, 2]].shape
        (2, 3)
    """

    X: Matrix
    images: tuple[Images, ...] = ()
    sequences: tuple[Sequences, ...] = ()
    texts: tuple[Texts, ...] = ()

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def __getitem__(self, rows: Any) -> Rows:
        """Selects rows by a slice, a mask or row numbers."""
        return Rows(
            self.X[rows],
            tuple(images[rows] for images in self.images),
            tuple(sequences[rows] for sequences in self.sequences),
            tuple(texts[rows] for texts in self.texts),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Returns the dense matrix, so that a family can use ``Rows`` like an array."""
        X = self.X if isinstance(self.X, np.ndarray) else self.X.toarray()
        return np.array(X, dtype=dtype) if copy else np.asarray(X, dtype=dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self.X.shape

    def for_kinds(self, kinds: Set[ColumnKind]) -> Matrix | Rows:
        """Returns the input of a family's ``predict``: the matrix if it takes nothing else.

        Args:
            kinds: Column kinds that the family takes.
        """
        return self.X if kinds <= TABULAR_KINDS and not self.texts else self
