"""Parts that read the encoded columns, a column of images, or a column of sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automl.plugin import Images, Matrix, Rows, Sequences
from automl_plugins.torch.images.augment import Augmentation
from automl_plugins.torch.images.nets import Tower
from automl_plugins.torch.media.branch import Part
from automl_plugins.torch.sequences.inputs import Front, SeriesSpec, padded
from automl_plugins.torch.sequences.rnn_net import Reader

__all__ = ["ImagePart", "ImageSpec", "SeriesPart", "StatesSpec", "TablePart", "TableSpec"]

# Changes that keep the meaning of nearly all images, whatever they show.
_AUGMENTATION = Augmentation(flip=False, shift=0.08, rotate=8.0, zoom=0.1, contrast=0.0, cutout=0.0)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How encoded columns are read.

    Attributes:
        n_inputs: Their number.
        width: Hidden values, and features.
        dropout: Between the two layers.
    """

    n_inputs: int
    width: int
    dropout: float


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """How a column of images is read.

    Attributes:
        shape: Height, width and channels.
        width: Filters of the first stage.
    """

    shape: tuple[int, int, int]
    width: int


@dataclass(frozen=True, slots=True)
class StatesSpec:
    """How a column of sequences is read.

    Attributes:
        series: What of it a net sees.
        width: Values of a state, in each direction.
        noise: Deviation of noise that is added to scaled values in training.
    """

    series: SeriesSpec
    width: int
    noise: float


class TablePart(Part):
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


class ImagePart(Part):
    """A residual tower over images, ``(n_rows, height, width, channels)`` (uint8).

    In training they are moved, turned and scaled a little.

    Args:
        spec: How the column is read.
        number: Which of the columns of images.
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
        """Their bytes."""
        return (torch.from_numpy(column.read()).to(device),)

    def forward(self, images: Tensor) -> Tensor:
        """Features."""
        scaled = self.tower.scaled(images)
        if self.training:
            rows = torch.arange(len(images))
            scaled = _AUGMENTATION.apply(scaled, rows, 0, torch.default_generator)
        features: Tensor = self.tower(scaled)
        return features


class SeriesPart(Part):
    """A GRU that reads both ways, with attention: values and lengths to features.

    Args:
        spec: How the column is read.
        number: Which of the columns of sequences.
    """

    def __init__(self, spec: StatesSpec, number: int) -> None:
        super().__init__()
        self.number = number
        self.front = Front(spec.series, spec.noise)
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
