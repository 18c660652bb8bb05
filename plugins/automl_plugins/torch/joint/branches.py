"""Branches that read the encoded columns, an image column, or a sequence column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automl.plugin import Images, Matrix, Rows, Sequences
from automl_plugins.torch.images.augment import Augmentation
from automl_plugins.torch.images.nets import Tower
from automl_plugins.torch.media.branch import Branch
from automl_plugins.torch.sequences.inputs import SequenceInput, SeriesSpec, padded
from automl_plugins.torch.sequences.rnn_net import Reader

__all__ = ["ImageBranch", "ImageSpec", "SequenceBranch", "StatesSpec", "TablePart", "TableSpec"]

# Augmentation that keeps the meaning of almost all images.
_AUGMENTATION = Augmentation(flip=False, shift=0.08, rotate=8.0, zoom=0.1, contrast=0.0, cutout=0.0)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Reading of the encoded columns.

    Attributes:
        n_inputs: Number of encoded columns.
        width: Hidden values, and features.
        dropout: Dropout between the two layers.
    """

    n_inputs: int
    width: int
    dropout: float


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Reading of an image column.

    Attributes:
        shape: Height, width and channels.
        width: Filters of the first stage.
    """

    shape: tuple[int, int, int]
    width: int


@dataclass(frozen=True, slots=True)
class StatesSpec:
    """Reading of a sequence column.

    Attributes:
        series: Inputs of the net.
        width: Size of the state, per direction.
        noise: Deviation of noise added to scaled values in training.
    """

    series: SeriesSpec
    width: int
    noise: float


class TablePart(Branch):
    """Two layers over the encoded columns, ``(n_rows, n_inputs)``."""

    def __init__(self, spec: TableSpec) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(spec.n_inputs, spec.width),
            nn.GELU(),
            nn.Dropout(spec.dropout),
            nn.Linear(spec.width, spec.width),
            nn.GELU(),
        )
        self.n_features = spec.width

    def column_of(self, rows: Rows) -> Matrix:
        """The matrix."""
        return rows.X

    def inputs_of(self, column: NDArray[np.float32], device: torch.device) -> tuple[Tensor, ...]:
        """The matrix."""
        return (torch.from_numpy(np.array(column, dtype=np.float32)).to(device),)

    def forward(self, X: Tensor) -> Tensor:
        """Features."""
        features: Tensor = self.layers(X)
        return features


class ImageBranch(Branch):
    """A residual tower over images, ``(n_rows, height, width, channels)`` (uint8).

    Images are shifted, rotated and scaled a little in training.

    Args:
        spec: How the column is read.
        number: Number of the image column.
    """

    def __init__(self, spec: ImageSpec, number: int) -> None:
        super().__init__()
        self.number = number
        self.tower = Tower(spec.shape, "residual", spec.width, whitened=False)
        self.n_features = self.tower.n_features

    def prepare(self, rows: Rows) -> None:
        """Fits scales to training rows."""
        self.tower.prepare(self.column_of(rows))

    def column_of(self, rows: Rows) -> Images:
        """The images."""
        return rows.images[self.number]

    def inputs_of(self, column: Images, device: torch.device) -> tuple[Tensor, ...]:
        """Bytes of the images."""
        return (torch.from_numpy(column.read()).to(device),)

    def forward(self, images: Tensor) -> Tensor:
        """Features."""
        scaled = self.tower.scaled(images)
        if self.training:
            rows = torch.arange(len(images))
            scaled = _AUGMENTATION.apply(scaled, rows, 0, torch.default_generator)
        features: Tensor = self.tower(scaled)
        return features


class SequenceBranch(Branch):
    """A bidirectional GRU with attention, from values and lengths to features.

    Args:
        spec: How the column is read.
        number: Number of the sequence column.
    """

    def __init__(self, spec: StatesSpec, number: int) -> None:
        super().__init__()
        self.number = number
        self.front = SequenceInput(spec.series, spec.noise)
        self.reader = Reader(
            spec.series.n_inputs,
            cell="gru",
            width=spec.width,
            n_layers=1,
            both_ways=True,
            dropout=0.0,
        )
        self.n_features = self.reader.n_features

    def prepare(self, rows: Rows) -> None:
        """Fits scales to training rows."""
        self.front.prepare(self.column_of(rows))

    def column_of(self, rows: Rows) -> Sequences:
        """The sequences."""
        return rows.sequences[self.number]

    def inputs_of(self, column: Sequences, device: torch.device) -> tuple[Tensor, ...]:
        """Values and lengths."""
        return padded(column, device)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Features."""
        features: Tensor = self.reader(*self.front(values, lengths))
        return features
