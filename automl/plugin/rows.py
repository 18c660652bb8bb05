"""Rows of a table that hold images, sequences or texts, as a family is shown them."""

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
"""Encoded rows: float32 of shape ``(n_rows, n_features)``, CSR only where the view allows it."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The images of one column. Nothing is copied until they are read.

    Attributes:
        pixels: ``(n_images, height, width, channels)`` (uint8), read-only and mapped from disk;
            1 channel is grey, 3 are red, green and blue. A missing image is black.
        index: Which of them each row has (int64), ``(n_rows,)``.
    """

    pixels: NDArray[np.uint8]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Images:
        """The images of some rows: a slice, a mask or row numbers."""
        return Images(self.pixels, self.index[rows])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        _, height, width, channels = self.pixels.shape
        return height, width, channels

    def read(self) -> NDArray[np.uint8]:
        """The images in the order of the rows, ``(n_rows, height, width, channels)``: a copy."""
        return self.pixels[self.index]


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """The sequences of one column, of equal or unequal lengths. Nothing is copied until read.

    Attributes:
        values: The steps of all sequences one after another, ``(n_steps, n_channels)`` (float32),
            read-only and mapped from disk; NaN where a value is missing.
        offsets: Sequence i has the steps ``offsets[i]`` to ``offsets[i + 1]`` (int64),
            ``(n_sequences + 1,)``; each has at least one. A missing one is a step of NaN.
        index: Which of them each row has (int64), ``(n_rows,)``.
    """

    values: NDArray[np.float32]
    offsets: NDArray[np.int64]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Sequences:
        """The sequences of some rows: a slice, a mask or row numbers."""
        return Sequences(self.values, self.offsets, self.index[rows])

    @property
    def n_channels(self) -> int:
        """Values of a step."""
        return int(self.values.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each row, ``(n_rows,)``."""
        return self.offsets[self.index + 1] - self.offsets[self.index]

    def steps(self) -> NDArray[np.float32]:
        """The steps of all rows one after another, ``(sum of lengths, n_channels)``: a copy."""
        lengths = self.lengths
        first = np.repeat(self.offsets[self.index] - lengths.cumsum() + lengths, lengths)
        return self.values[first + np.arange(int(lengths.sum()))]

    def padded(self, n_steps: int | None = None) -> NDArray[np.float32]:
        """Sequences side by side, ``(n_rows, n_steps, n_channels)``, NaN after their ends.

        Args:
            n_steps: How many to read of each, from the first; None for as many as the longest has.
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
    """The texts of one column. Nothing is copied until they are read.

    Attributes:
        values: All texts (an Arrow array of strings), ``(n_texts,)``, mapped from disk; null where
            one is missing.
        index: Which of them each row has (int64), ``(n_rows,)``.
    """

    values: pa.StringArray
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Texts:
        """The texts of some rows: a slice, a mask or row numbers."""
        return Texts(self.values, self.index[rows])

    def read(self) -> list[str]:
        """The texts in the order of the rows; a missing one is empty."""
        return [text or "" for text in self.values.take(self.index).to_pylist()]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows with all that they hold side by side.

    Attributes:
        X: The columns that are encoded, ``(n_rows, n_features)``; one constant column where the
            family is shown none.
        images: One for each column of images.
        sequences: One for each column of sequences.
        texts: One for each column of texts, where the view shows them as they are.
    """

    X: Matrix
    images: tuple[Images, ...] = ()
    sequences: tuple[Sequences, ...] = ()
    texts: tuple[Texts, ...] = ()

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def __getitem__(self, rows: Any) -> Rows:
        """Some of the rows: a slice, a mask or row numbers."""
        return Rows(
            self.X[rows],
            tuple(images[rows] for images in self.images),
            tuple(sequences[rows] for sequences in self.sequences),
            tuple(texts[rows] for texts in self.texts),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The matrix, dense: who names all kinds and looks at no other goes on as with one."""
        X = self.X if isinstance(self.X, np.ndarray) else self.X.toarray()
        return np.array(X, dtype=dtype) if copy else np.asarray(X, dtype=dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self.X.shape

    def shown_to(self, kinds: Set[ColumnKind]) -> Matrix | Rows:
        """What a family that takes these kinds predicts: the matrix alone, where it sees no more.

        Args:
            kinds: Of the family.
        """
        return self.X if kinds <= TABULAR_KINDS and not self.texts else self
