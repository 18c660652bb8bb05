"""InceptionTime (Ismail Fawaz et al. 2020, arXiv 1909.04939) for sequences of unequal lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from automl_plugins.torch.sequences.inputs import SequenceInput, SeriesNet, SeriesSpec, masked_mean

__all__ = ["InceptionNet", "InceptionSpec", "MaskedNorm", "build"]

_MOMENTUM = 0.1
_EPSILON = 1e-5
_BLOCKS_PER_SHORTCUT = 3


@dataclass(frozen=True, slots=True)
class InceptionSpec:
    """Spec of a net.

    Attributes:
        series: How each sequence column is read.
        n_outputs: Number of outputs.
        n_blocks: Number of blocks, with a shortcut past every three of them.
        width: Filters of each of the four branches of a block.
        kernel: Steps of the longest filters; the others have a half and a quarter.
        dropout: Dropout before the last layer.
        noise: Deviation of noise added to scaled values in training.
    """

    series: tuple[SeriesSpec, ...]
    n_outputs: int
    n_blocks: int
    width: int
    kernel: int
    dropout: float
    noise: float


def build(values: Mapping[str, Any]) -> InceptionNet:
    """Creates a net from the JSON values of its spec."""
    series = tuple(SeriesSpec(**column) for column in values["series"])
    return InceptionNet(InceptionSpec(**{**values, "series": series}))


class InceptionNet(SeriesNet):
    """Blocks of convolutions over each sequence column, and one linear layer over all.

    Shape:
        Values and lengths of each column, from ``padded_inputs``, to ``(n_rows, n_outputs)``.

    Args:
        spec: Spec of the net.
    """

    def __init__(self, spec: InceptionSpec) -> None:
        super().__init__(
            [SequenceInput(series, spec.noise) for series in spec.series],
            [_Tower(series.n_inputs, spec) for series in spec.series],
            4 * spec.width,
            spec.n_outputs,
            spec.dropout,
        )
        self.spec = spec


class _Tower(nn.Module):
    """Blocks with shortcuts, then the mean over the steps of a sequence."""

    def __init__(self, n_inputs: int, spec: InceptionSpec) -> None:
        super().__init__()
        n_outputs = 4 * spec.width
        self.blocks, self.shortcuts = nn.ModuleList(), nn.ModuleList()
        before = n_inputs
        for number in range(spec.n_blocks):
            n_block_inputs = n_inputs if number == 0 else n_outputs
            self.blocks.append(_Block(n_block_inputs, spec.width, spec.kernel))
            if number % _BLOCKS_PER_SHORTCUT == _BLOCKS_PER_SHORTCUT - 1:
                self.shortcuts.append(_Shortcut(before, n_outputs))
                before = n_outputs

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        maps, there = steps.transpose(1, 2), mask.transpose(1, 2)
        before = maps
        for number, block in enumerate(self.blocks):
            maps = torch.relu(block(maps, there))
            if number % _BLOCKS_PER_SHORTCUT == _BLOCKS_PER_SHORTCUT - 1:
                shortcut = self.shortcuts[number // _BLOCKS_PER_SHORTCUT]
                maps = torch.relu(maps + shortcut(before, there))
                before = maps
        return masked_mean(maps.transpose(1, 2), mask)


class _Block(nn.Module):
    """Parallel filters of three lengths, and the maximum of neighbours.

    All maps are 0 beyond both ends of a sequence, so outputs do not depend on the padding.
    """

    def __init__(self, n_inputs: int, width: int, kernel: int) -> None:
        super().__init__()
        self.bottleneck = (
            nn.Conv1d(n_inputs, width, 1, bias=False) if n_inputs > width else nn.Identity()
        )
        n_inner = min(n_inputs, width)
        sizes = [max(3, kernel // part) // 2 * 2 + 1 for part in (1, 2, 4)]
        self.filters = nn.ModuleList(
            nn.Conv1d(n_inner, width, size, padding="same", bias=False) for size in sizes
        )
        self.pool = nn.MaxPool1d(3, stride=1, padding=1)
        self.pooled = nn.Conv1d(n_inputs, width, 1, bias=False)
        self.norm = MaskedNorm(4 * width)

    def forward(self, maps: Tensor, there: Tensor) -> Tensor:
        inner = self.bottleneck(maps)
        highest = self.pool(maps.masked_fill(there == 0, -torch.inf)).masked_fill(there == 0, 0.0)
        branches = [*(filters(inner) for filters in self.filters), self.pooled(highest)]
        normed: Tensor = self.norm(torch.cat(branches, dim=1), there)
        return normed


class _Shortcut(nn.Module):
    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.match = nn.Conv1d(n_inputs, n_outputs, 1, bias=False)
        self.norm = MaskedNorm(n_outputs)

    def forward(self, maps: Tensor, there: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.match(maps), there)
        return normed


class MaskedNorm(nn.Module):
    """Batch normalisation (arXiv 1502.03167) over the steps of sequences; 0 elsewhere.

    Shape:
        Maps ``(n_rows, n_channels, n_steps)`` and mask ``(n_rows, 1, n_steps)`` to the maps.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("variance", torch.ones(n_channels))

    def forward(self, maps: Tensor, there: Tensor) -> Tensor:
        """Normalises each channel."""
        mean, variance = self.mean, self.variance
        if self.training:
            count = there.sum().clamp_min(1.0)
            mean = (maps * there).sum(dim=(0, 2)) / count
            variance = (((maps - mean[:, None]) * there) ** 2).sum(dim=(0, 2)) / count
            with torch.no_grad():
                self.mean.lerp_(mean, _MOMENTUM)
                self.variance.lerp_(variance, _MOMENTUM)
        factor = self.factor * (variance + _EPSILON).rsqrt()
        return ((maps - mean[:, None]) * factor[:, None] + self.bias[:, None]) * there
