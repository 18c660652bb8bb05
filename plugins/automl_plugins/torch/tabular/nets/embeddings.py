"""Embeddings of numeric and categorical columns before the first hidden layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "CategoryEncoding",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "quantile_edges",
    "robust_centre_and_factor",
    "scaled",
]

_MAX_ROWS_FOR_QUANTILES = 50_000
_CLIP = 3.0  # the smooth clip shrinks this value by 29 %


def scaled(x: Tensor, centre: Tensor, factor: Tensor) -> Tensor:
    """Centres, scales, and clips smoothly to (-3, 3).

    Method: RealMLP (arXiv 2407.04491), section 3, preprocessing.

    Args:
        x: ``(..., n_features)``.
        centre: Medians from ``robust_centre_and_factor``, ``(n_features,)``.
        factor: Factors from ``robust_centre_and_factor``, ``(n_features,)``.
    """
    plain = (x - centre) * factor
    return plain / torch.sqrt(1.0 + (plain / _CLIP) ** 2)


def robust_centre_and_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """Medians and inverse interquartile ranges of columns, each ``(n_features,)``.

    If the quartiles are equal, half the range replaces their distance; the factor of a constant
    column is 0.

    Args:
        x: Training rows, ``(n_rows, n_features)``.
    """
    low, centre, high = _quantiles(x, (0.25, 0.5, 0.75))
    spread = high - low
    half_range = (x.amax(0) - x.amin(0)) / 2
    spread = torch.where(spread > 0, spread, half_range)
    return centre, torch.where(spread > 0, 1.0 / spread.clamp_min(1e-30), torch.zeros_like(spread))


def quantile_edges(x: Tensor, n_bins: int) -> Tensor:
    """Edges of bins with equal numbers of rows, ``(n_features, n_bins + 1)``, non-decreasing."""
    shares = [i / n_bins for i in range(n_bins + 1)]
    return _quantiles(x, shares).T.contiguous()


def _quantiles(x: Tensor, shares: Sequence[float]) -> Tensor:
    """Quantiles of columns, ``(len(shares), n_features)``, from evenly spaced rows if many."""
    step = max(1, math.ceil(len(x) / _MAX_ROWS_FOR_QUANTILES))
    ordered = x[::step].sort(dim=0).values
    position = torch.tensor(shares, device=x.device) * (len(ordered) - 1)
    return ordered[position.round().long()]


class PeriodicEmbedding(nn.Module):
    """Periodic-bias-linear-dense embedding (PBLD) of each number, with the number itself.

    ``[x, W cos(2 pi (f x + b)) + c]`` with its own frequencies and weights for each feature.
    Method: arXiv 2203.05556, equation 2, with the changes of arXiv 2407.04491, section 3.

    Shape:
        ``(n_members, n_rows, n_features)`` to ``(n_members, n_rows, n_features * width)``.

    Args:
        n_features: Number of numeric features.
        width: Outputs per feature, including its value: at least 2.
        n_frequencies: Cosines per feature.
        sigma: Standard deviation of the initial frequencies.
    """

    def __init__(self, n_features: int, width: int, n_frequencies: int, sigma: float) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(n_frequencies)
        self.n_outputs = n_features * width
        shape = (1, n_features, n_frequencies)
        self.frequency = nn.Parameter(torch.empty(shape).normal_(std=sigma))
        self.phase = nn.Parameter(torch.empty(shape).uniform_(-0.5, 0.5))
        self.weight = nn.Parameter(torch.empty(*shape, width - 1).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(1, n_features, width - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Embeds each feature."""
        turns = x.unsqueeze(-1) * self.frequency.unsqueeze(1) + self.phase.unsqueeze(1)
        embedded = _per_feature(torch.cos(2 * math.pi * turns), self.weight, self.bias)
        return torch.cat([x, embedded.flatten(-2)], dim=-1)


class PiecewiseLinearEmbedding(nn.Module):
    """Piecewise-linear encoding of each number by quantile bins, then a linear layer each.

    Method: arXiv 2203.05556, equation 1, with the value itself as another output.

    Shape:
        ``(n_members, n_rows, n_features)`` to ``(n_members, n_rows, n_features * width)``.

    Args:
        edges: Bin edges of each feature, ``(n_features, n_bins + 1)``; empty bins are allowed.
        width: Outputs per feature, including its value: at least 2.
    """

    edges: Tensor

    def __init__(self, edges: Tensor, width: int) -> None:
        super().__init__()
        n_features, n_bins = edges.shape[0], edges.shape[1] - 1
        bound = 1.0 / math.sqrt(n_bins)
        self.n_outputs = n_features * width
        self.register_buffer("edges", edges[None].clone())
        weight = torch.empty(1, n_features, n_bins, width - 1).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(1, n_features, width - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Embeds each feature."""
        low = self.edges[..., :-1].unsqueeze(1)
        size = self.edges.diff(dim=-1).clamp_min(1e-6).unsqueeze(1)
        # An empty bin is a step: 0 below its edge, 1 from the edge on.
        share = ((x.unsqueeze(-1) - low) / size).clamp(0.0, 1.0)
        embedded = _per_feature(share, self.weight, self.bias)
        return torch.cat([x, embedded.flatten(-2)], dim=-1)


def _per_feature(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One linear layer per member and feature: ``mrfi`` by ``mfio``, plus ``mfo``."""
    return torch.einsum("mrfi,mfio->mrfo", x, weight) + bias.unsqueeze(1)


class CategoryEncoding(nn.Module):
    """One-hot encoding for columns of few categories, learnt vectors for others.

    Code 0 (missing, unseen or rare) is all zeros in one-hot encoding.

    Shape:
        Codes ``(n_members, n_rows, n_columns)`` (int64) to ``(n_members, n_rows, n_outputs)``.

    Args:
        cardinalities: Number of codes of each column.
        max_onehot: Largest number of codes of a one-hot encoded column.
        width: Length of the learnt vectors.
    """

    def __init__(self, cardinalities: Sequence[int], max_onehot: int, width: int) -> None:
        super().__init__()
        self.cardinalities = tuple(cardinalities)
        self.tables = nn.ParameterDict()
        self.widths: list[int] = []
        for i, cardinality in enumerate(cardinalities):
            if cardinality > max_onehot:
                self.tables[str(i)] = nn.Parameter(torch.empty(1, cardinality, width).normal_())
            self.widths.append(width if cardinality > max_onehot else max(1, cardinality - 1))
        self.n_outputs = sum(self.widths)

    def forward(self, codes: Tensor) -> Tensor:
        """Encodes each column and concatenates the results."""
        return torch.cat([self._encoded(codes[..., i], i) for i in range(codes.shape[-1])], dim=-1)

    def _encoded(self, codes: Tensor, column: int) -> Tensor:
        if str(column) not in self.tables:
            places = torch.arange(1, self.widths[column] + 1, device=codes.device)
            return (codes.unsqueeze(-1) == places).float()
        table = self.tables[str(column)]
        first = torch.arange(len(codes), device=codes.device)[:, None] * table.shape[1]
        return functional.embedding(codes + first, table.flatten(0, 1))
