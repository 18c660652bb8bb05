"""The feed-forward net for tables, and how its weights are grouped for the optimiser."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from automl_plugins.torch._embeddings import (
    CategoryEncoding,
    LearntScale,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    RobustScale,
    quantile_edges,
    robust_centre_and_factor,
)

__all__ = ["FastDropout", "NetSpec", "TabularNet", "learning_groups"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "selu": nn.SELU,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
}


@dataclass(frozen=True, slots=True)
class NetSpec:
    """All that is needed to build a net of the same shape again; JSON values only.

    Attributes:
        n_numeric: Numeric inputs.
        cardinalities: Number of codes of each categorical input.
        n_outputs: Classes, or 1 for regression.
        n_layers, width: Hidden layers and their size.
        activation: ``selu``, ``silu``, ``mish`` or ``relu``.
        dropout: Share of hidden values set to zero while training.
        embedding: Of numbers: ``periodic``, ``piecewise`` or ``none``.
        embedding_width: Outputs for each number.
        n_frequencies: Cosines of ``periodic``, bins of ``piecewise``.
        sigma: Standard deviation of the initial frequencies of ``periodic``.
        max_onehot: The most codes a column may have to be one-hot encoded.
        category_width: Length of the learnt vectors of the other columns.
    """

    n_numeric: int
    cardinalities: tuple[int, ...]
    n_outputs: int
    n_layers: int
    width: int
    activation: str
    dropout: float
    embedding: str
    embedding_width: int
    n_frequencies: int
    sigma: float
    max_onehot: int
    category_width: int


class FastDropout(nn.Module):
    """Dropout whose mask comes from random bytes: on a CPU a sixth of the time of torch's own.

    The share is rounded to a multiple of 1/256.

    Shape:
        Any to the same.

    Args:
        share: Share of values set to zero while training, below 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.n_kept = 256 - round(256 * share)

    def forward(self, x: Tensor) -> Tensor:
        """Drops values and scales up the others."""
        if not self.training or self.n_kept == 256:
            return x
        n_words = -(-x.numel() // 8)
        words = torch.empty(n_words, dtype=torch.int64, device=x.device).random_(-(2**63), None)
        mask = words.view(torch.uint8)[: x.numel()].view(x.shape) < self.n_kept
        return x * mask * (256 / self.n_kept)


class TabularNet(nn.Module):
    """Scaled and embedded numbers and categories, then hidden layers.

    Shape:
        numeric ``(..., n_numeric)`` and codes ``(..., n_categorical)`` (int64) to
        ``(..., n_outputs)``.

    Args:
        spec: What to build.
        numeric: Training rows ``(n_rows, n_numeric)``, from which scales and bins are taken.
            None builds a net that waits for its stored weights.
    """

    def __init__(self, spec: NetSpec, numeric: Tensor | None = None) -> None:
        super().__init__()
        self.spec = spec
        n_inputs = 0
        if spec.n_numeric:
            if numeric is None:
                numeric = torch.zeros(1, spec.n_numeric)
            self.scale = RobustScale(*robust_centre_and_factor(numeric))
            self.embedding = _numeric_embedding(spec, self.scale(numeric))
            n_inputs += spec.n_numeric * (spec.embedding_width if self.embedding else 1)
        if spec.cardinalities:
            self.categories = CategoryEncoding(
                spec.cardinalities, spec.max_onehot, spec.category_width
            )
            n_inputs += self.categories.n_outputs
        self.factors = LearntScale(n_inputs)
        sizes = [n_inputs, *[spec.width] * spec.n_layers]
        layers: list[nn.Module] = []
        for size_in, size_out in pairwise(sizes):
            layers += [_linear(size_in, size_out), _ACTIVATIONS[spec.activation]()]
            layers += [FastDropout(spec.dropout)] if spec.dropout else []
        self.hidden = nn.Sequential(*layers)
        self.output = _linear(sizes[-1], spec.n_outputs)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """Returns logits, or standardised values for regression."""
        parts = []
        if self.spec.n_numeric:
            scaled = self.scale(numeric)
            parts.append(self.embedding(scaled) if self.embedding else scaled)
        if self.spec.cardinalities:
            parts.append(self.categories(codes))
        output: Tensor = self.output(self.hidden(self.factors(torch.cat(parts, dim=-1))))
        return output


def _linear(n_inputs: int, n_outputs: int) -> nn.Linear:
    """A layer that starts as in the NTK parametrisation: outputs and biases of variance 1."""
    layer = nn.Linear(n_inputs, n_outputs)
    nn.init.normal_(layer.weight, std=max(n_inputs, 1) ** -0.5)
    nn.init.normal_(layer.bias)
    return layer


def _numeric_embedding(spec: NetSpec, scaled: Tensor) -> nn.Module | None:
    if spec.embedding == "periodic":
        return PeriodicEmbedding(
            spec.n_numeric, spec.embedding_width, spec.n_frequencies, spec.sigma
        )
    if spec.embedding == "piecewise":
        return PiecewiseLinearEmbedding(
            quantile_edges(scaled, spec.n_frequencies), spec.embedding_width
        )
    return None


def learning_groups(
    net: TabularNet, lr: float, weight_decay: float, scale_lr: float, embedding_lr: float
) -> list[dict[str, Any]]:
    """Groups the weights of a net by learning rate and weight decay, for AdamW.

    One rate fits all widths: a layer of n inputs learns at ``lr / sqrt(n)``, which for Adam is
    the NTK parametrisation without its products. Factors are those of arXiv 2407.04491, table
    A.1: biases learn at a tenth of the rate; only weights decay.

    Args:
        net: The net.
        lr: Learning rate of weights, for a layer of one input.
        weight_decay: Their decoupled weight decay.
        scale_lr: Factor for the learnt scale.
        embedding_lr: Factor for the embeddings of numbers.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        owner = name.split(".", 1)[0]
        if owner == "factors":
            rate, decay = scale_lr * lr, 0.0
        elif owner == "embedding":
            rate, decay = embedding_lr * lr, 0.0
        elif name.endswith("bias"):
            rate, decay = 0.1 * lr, 0.0
        else:
            shrink = parameter.shape[-1] ** -0.5 if owner in ("hidden", "output") else 1.0
            # AdamW multiplies its decay by the rate; the decay shall not shrink with it.
            rate, decay = lr * shrink, weight_decay / shrink
        if parameter.requires_grad and parameter.numel():
            groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]
