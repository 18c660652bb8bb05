"""Nets for tables: embedded columns, then hidden layers of one of several kinds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from automl_plugins.torch.tabular.nets.backbones import Body, Mlp, ResNet, TabM
from automl_plugins.torch.tabular.nets.embeddings import (
    CategoryEncoding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    quantile_edges,
)
from automl_plugins.torch.tabular.nets.layers import Dropout, LearntScale

__all__ = ["NetSpec", "Start", "TabularNet"]

_MAX_START_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class NetSpec:
    """All that is needed to build a net of the same shape again; JSON values only.

    Nets of equal specs can be put together in a pack.

    Attributes:
        n_numeric: Numeric inputs.
        cardinalities: Number of codes of each categorical input.
        n_outputs: Classes, quantiles, or 1 for regression.
        body: ``mlp``, ``resnet`` or ``tabm``.
        n_layers, width: Hidden layers (blocks of a ``resnet``) and their size.
        activation: ``selu``, ``silu``, ``mish`` or ``relu``.
        is_parametric: Whether each unit of an ``mlp`` learns how much it is activated.
        has_front_scale: Whether each input has a learnt factor.
        starts_from_data: Whether the layers of an ``mlp`` start from the training rows.
        k: Nets within a ``tabm``; 1 for the others.
        is_mini: Whether those differ in the scale of their inputs and in their outputs alone.
        embedding: Of numbers: ``periodic``, ``piecewise`` or ``none``.
        embedding_width: Outputs for each number.
        n_frequencies: Cosines of ``periodic``, bins of ``piecewise``.
        max_onehot: The most codes a column may have to be one-hot encoded.
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
class Start:
    """What a net is made from before it is trained.

    Attributes:
        numeric: Scaled numbers of training rows, ``(n_rows, n_numeric)``.
        codes: Codes of the same rows, ``(n_rows, n_categorical)``.
        sigma: Standard deviation of the initial frequencies of a periodic embedding.
        dropout: Share of hidden values set to zero while training.
        seed: Of what is dropped.
    """

    numeric: Tensor
    codes: Tensor
    sigma: float = 1.0
    dropout: float = 0.0
    seed: int = 0


class TabularNet(nn.Module):
    """Embedded numbers and categories, a learnt scale of each, then a body with an output layer.

    Shape:
        Scaled numbers ``(n_members, n_rows, n_numeric)`` and codes ``(n_members, n_rows,
        n_categorical)`` (int64) to ``(n_members, n_rows, n_outputs)``, and with nets within the
        net to ``(n_members, n_rows, k, n_outputs)``.

    Args:
        spec: What to build.
        start: What it starts from, with random numbers of torch's global state. None builds a net
            that waits for its stored weights.
    """

    def __init__(self, spec: NetSpec, start: Start | None = None) -> None:
        super().__init__()
        self.spec = spec
        widths: list[int] = []  # of the features, side by side
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
            # Embedded, all rows of a large table would take more memory than training does.
            rows = slice(None, None, max(1, len(start.numeric) // _MAX_START_ROWS))
            with torch.no_grad():
                self.body.start_from(
                    self.inputs(start.numeric[None, rows], start.codes[None, rows])
                )

    def inputs(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """What the body gets, ``(n_members, n_rows, n_inputs)``."""
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
    spec: NetSpec, start: Start | None
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


def _body(spec: NetSpec, widths: list[int]) -> Body:
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
