"""Inputs of nets for sequences: padding, masks, scales, and thinning of long sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from automl.plugin import Rows, Sequences
from automl_plugins.torch.media.fitted_net import MediaNet

__all__ = [
    "SequenceInput",
    "SeriesNet",
    "SeriesSpec",
    "masked_maximum",
    "masked_mean",
    "padded",
    "padded_inputs",
    "series_specs",
]


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """Reading of one sequence column.

    Attributes:
        n_channels: Values per step.
        marks: True to add for each channel another that marks missing values.
        stride: Number of steps that are averaged to one.
    """

    n_channels: int
    marks: bool
    stride: int

    @property
    def n_inputs(self) -> int:
        """Inputs of the net per step."""
        return self.n_channels * (1 + self.marks)


def series_specs(columns: tuple[Sequences, ...], most_steps: int) -> tuple[SeriesSpec, ...]:
    """Creates the specs of sequence columns from training rows.

    Args:
        columns: The sequence columns.
        most_steps: Approximate number of steps to which longer sequences are thinned out.
    """
    return tuple(
        SeriesSpec(
            n_channels=sequences.n_channels,
            marks=bool(np.isnan(sequences.steps()).any()),
            stride=-(-int(sequences.lengths.max()) // most_steps),
        )
        for sequences in columns
    )


def padded_inputs(rows: Rows, device: torch.device) -> tuple[Tensor, ...]:
    """For each column values ``(n_rows, n_steps, n_channels)``, NaN after the ends, and lengths."""
    return tuple(part for sequences in rows.sequences for part in padded(sequences, device))


def padded(sequences: Sequences, device: torch.device) -> tuple[Tensor, Tensor]:
    """Values and lengths of one column; see ``padded_inputs``."""
    values, lengths = torch.from_numpy(sequences.padded()), torch.from_numpy(sequences.lengths)
    return values.to(device), lengths.to(device)


class SequenceInput(nn.Module):
    """Scales steps, sets missing values and padding to 0, and thins out long sequences.

    Shape:
        Values ``(n_rows, n_steps, n_channels)`` and lengths ``(n_rows,)`` to steps
        ``(n_rows, n_thinned, n_inputs)`` and their mask ``(n_rows, n_thinned, 1)``.

    Args:
        spec: How the column is read.
        noise: Deviation of noise added to scaled values in training.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, spec: SeriesSpec, noise: float = 0.0) -> None:
        super().__init__()
        self.spec, self.noise = spec, noise
        self.register_buffer("mean", torch.zeros(spec.n_channels))
        self.register_buffer("deviation", torch.ones(spec.n_channels))

    def prepare(self, sequences: Sequences) -> None:
        """Fits means and deviations to training rows."""
        steps = sequences.steps().astype(np.float64)
        there = ~np.isnan(steps)
        n_there = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, steps, 0.0).sum(axis=0) / n_there
        variance = (np.where(there, steps - mean, 0.0) ** 2).sum(axis=0) / n_there
        deviation = np.sqrt(variance)
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 0, deviation, 1.0)))

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Steps and their mask."""
        place = torch.arange(values.shape[1], device=values.device)
        mask = (place < lengths[:, None])[..., None]
        there = mask & ~values.isnan()
        scaled = (values - self.mean) / self.deviation
        if self.training and self.noise:
            scaled = scaled + self.noise * torch.randn_like(scaled)
        steps = torch.where(there, scaled, torch.zeros_like(scaled))
        if self.spec.marks:
            steps = torch.cat((steps, (mask & ~there).to(steps.dtype)), dim=-1)
        return self._thinned(steps, mask.to(steps.dtype))

    def _thinned(self, steps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        stride = self.spec.stride
        if stride == 1:
            return steps, mask
        fill = (0, 0, 0, -steps.shape[1] % stride)
        sums, counts = (
            padded.reshape(len(padded), -1, stride, padded.shape[2]).sum(dim=2)
            for padded in (nn.functional.pad(x, fill) for x in (steps, mask))
        )
        return sums / counts.clamp_min(1.0), (counts > 0).to(steps.dtype)


class SeriesNet(MediaNet):
    """A front and a reader for each sequence column, and one linear layer over all.

    Shape:
        Values and lengths of each column, from ``padded_inputs``, to ``(n_rows, n_outputs)``.

    Args:
        fronts: Input module of each column.
        readers: Maps steps and mask of each column to ``(n_rows, n_features)``.
        n_features: Number of features of a reader.
        n_outputs: Number of outputs.
        dropout: Dropout before the last layer.
    """

    def __init__(
        self,
        fronts: list[SequenceInput],
        readers: Sequence[nn.Module],
        n_features: int,
        n_outputs: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.columns, self.readers = nn.ModuleList(fronts), nn.ModuleList(readers)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(n_features * len(fronts), n_outputs)

    @property
    def fronts(self) -> list[SequenceInput]:
        """Input module of each sequence column."""
        return [cast(SequenceInput, front) for front in self.columns]

    def prepare(self, columns: Sequence[Sequences]) -> None:
        """Fits scales to training rows, one entry for each column."""
        for front, sequences in zip(self.fronts, columns, strict=True):
            front.prepare(sequences)

    def inputs_of(self, rows: Rows) -> tuple[Tensor, ...]:
        """Values and lengths of the sequences of some rows."""
        return padded_inputs(rows, self.output.weight.device)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Outputs."""
        columns = zip(self.fronts, self.readers, inputs[::2], inputs[1::2], strict=True)
        features = [reader(*front(values, lengths)) for front, reader, values, lengths in columns]
        output: Tensor = self.output(self.dropout(torch.cat(features, dim=-1)))
        return output


def masked_mean(steps: Tensor, mask: Tensor) -> Tensor:
    """Mean over the steps of each sequence, ``(n_rows, n_features)``.

    Args:
        steps: ``(n_rows, n_steps, n_features)``.
        mask: ``(n_rows, n_steps, 1)``.
    """
    # A matrix product is much faster than a sum along the middle axis.
    return torch.bmm(mask.transpose(1, 2), steps)[:, 0] / mask.sum(dim=1).clamp_min(1.0)


def masked_maximum(steps: Tensor, mask: Tensor) -> Tensor:
    """Maximum over the steps of each sequence; see ``masked_mean``."""
    # The gradient of ``amax`` searches all steps for ties; that of ``max`` does not.
    return steps.masked_fill(mask == 0, -torch.inf).max(dim=1).values
