"""Nets for tables: embedded columns, then a backbone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from automl_plugins.torch.tabular.nets.backbones import Backbone, Mlp, ResNet, TabM
from automl_plugins.torch.tabular.nets.embeddings import (
    CategoryEncoding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    quantile_edges,
)
from automl_plugins.torch.tabular.nets.layers import Dropout, LearntScale

__all__ = ["NetInit", "NetSpec", "TabularNet"]

_MAX_START_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class NetSpec:
    """Values to build a net from, JSON only.

    Nets of equal specs can form a pack.

    Attributes:
        n_numeric: Numeric inputs.
        cardinalities: Number of codes of each categorical input.
        n_outputs: Classes, quantiles, or 1 for regression.
        body: ``mlp``, ``resnet`` or ``tabm``.
        n_layers, width: Number and size of the hidden layers (blocks of a ``resnet``).
        activation: ``selu``, ``silu``, ``mish`` or ``relu``.
        is_parametric: True for parametric activations in an ``mlp``.
        has_front_scale: True for a learnt factor of each input.
        starts_from_data: True for data-dependent initialisation of an ``mlp``.
        k: Nets of a ``tabm``; 1 for the others.
        is_mini: True if these differ only in the scale of their inputs and in their outputs.
        embedding: Embedding of numbers: ``periodic``, ``piecewise`` or ``none``.
        embedding_width: Outputs per number.
        n_frequencies: Cosines of ``periodic``, bins of ``piecewise``.
        max_onehot: Largest number of codes of a one-hot encoded column.
        category_width: Length of the learnt vectors of the other columns.
    """

    n_numeric: int
    cardinalities: tuple[int, ...]
    n_outputs: int
    body: str
    n_layers: int
    width: int
    activation: str
    is_parametric: bool
    has_front_scale: bool
    starts_from_data: bool
    k: int
    is_mini: bool
    embedding: str
    embedding_width: int
    n_frequencies: int
    max_onehot: int
    category_width: int


@dataclass(frozen=True, slots=True)
class NetInit:
    """Data and options to initialise a net with.

    Attributes:
        numeric: Scaled numbers of training rows, ``(n_rows, n_numeric)``.
        codes: Codes of the same rows, ``(n_rows, n_categorical)``.
        sigma: Standard deviation of the initial frequencies of a periodic embedding.
        dropout: Share of hidden values set to zero in training.
        seed: Seed of the dropout.
    """

    numeric: Tensor
    codes: Tensor
    sigma: float = 1.0
    dropout: float = 0.0
    seed: int = 0


class TabularNet(nn.Module):
    """Embedded numbers and categories, a learnt scale of each, then a backbone.

    Shape:
        Scaled numbers ``(n_members, n_rows, n_numeric)`` and codes ``(n_members, n_rows,
        n_categorical)`` (int64) to ``(n_members, n_rows, n_outputs)``, or for ``tabm`` to
        ``(n_members, n_rows, k, n_outputs)``.

    Args:
        spec: Spec of the net.
        start: Initialises the weights, with torch's global random state. None builds a net whose
            weights will be loaded.
    """

    def __init__(self, spec: NetSpec, start: NetInit | None = None) -> None:
        super().__init__()
        self.spec = spec
        widths: list[int] = []  # of the features, in order
        self.embedding = _numeric_embedding(spec, start)
        widths += [spec.embedding_width if self.embedding else 1] * spec.n_numeric
        self.categories: CategoryEncoding | None = None
        if spec.cardinalities:
            self.categories = CategoryEncoding(
                spec.cardinalities, spec.max_onehot, spec.category_width
            )
            widths += self.categories.widths
        self.factors = LearntScale(sum(widths)) if spec.has_front_scale else None
        self.dropout = Dropout(start.dropout, start.seed) if start else None
        self.body = _body(spec, widths)
        if start and spec.starts_from_data:
            # Embedding all rows of a large table would take more memory than training.
            rows = slice(None, None, max(1, len(start.numeric) // _MAX_START_ROWS))
            with torch.no_grad():
                self.body.start_from(
                    self.inputs(start.numeric[None, rows], start.codes[None, rows])
                )

    def inputs(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """Inputs of the backbone, ``(n_members, n_rows, n_inputs)``."""
        parts = [self.embedding(numeric) if self.embedding else numeric]
        if self.categories:
            parts.append(self.categories(codes))
        joined = torch.cat(parts, dim=-1)
        return self.factors(joined) if self.factors else joined

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """Returns logits, or standardised values for regression."""
        output: Tensor = self.body(self.inputs(numeric, codes), self.dropout or nn.Identity())
        return output


def _numeric_embedding(
    spec: NetSpec, start: NetInit | None
) -> PeriodicEmbedding | PiecewiseLinearEmbedding | None:
    width, n_frequencies = spec.embedding_width, spec.n_frequencies
    if not spec.n_numeric or spec.embedding == "none":
        return None
    if spec.embedding == "periodic":
        sigma = start.sigma if start else 1.0
        return PeriodicEmbedding(spec.n_numeric, width, n_frequencies, sigma)
    if start is None:
        return PiecewiseLinearEmbedding(torch.zeros(spec.n_numeric, n_frequencies + 1), width)
    return PiecewiseLinearEmbedding(quantile_edges(start.numeric, n_frequencies), width)


def _body(spec: NetSpec, widths: list[int]) -> Backbone:
    if spec.body == "resnet":
        return ResNet(sum(widths), spec.n_layers, spec.width, spec.activation, spec.n_outputs)
    if spec.body == "tabm":
        is_embedded = spec.embedding != "none"
        return TabM(
            widths,
            spec.n_layers,
            spec.width,
            spec.activation,
            spec.n_outputs,
            k=spec.k,
            is_mini=spec.is_mini,
            is_embedded=is_embedded,
        )
    return Mlp(
        sum(widths),
        spec.n_layers,
        spec.width,
        spec.activation,
        spec.n_outputs,
        is_parametric=spec.is_parametric,
    )
