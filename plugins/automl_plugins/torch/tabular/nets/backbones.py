"""Backbones of nets for tables: plain, residual or ensembled hidden layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Exponential

from automl_plugins.torch.tabular.nets.layers import (
    ACTIVATIONS,
    EnsembleHead,
    EnsembleLinear,
    LayerNorm,
    Linear,
    ParametricActivation,
)

__all__ = ["Backbone", "Mlp", "ResNet", "TabM"]

_SIMPLEX = 5
_HIDDEN_FACTOR = 2  # width inside a residual block

Drop = Callable[[Tensor], Tensor]


class Backbone(nn.Module):
    """Hidden layers and an output layer."""

    @abstractmethod
    def forward(self, x: Tensor, drop: Drop) -> Tensor:
        """Maps ``(n_members, n_rows, n_inputs)``; ``drop`` is applied after hidden layers."""

    def start_from(self, x: Tensor) -> None:
        """Initialises weights from inputs ``(1, n_rows, n_inputs)``; by default does nothing."""
        return


class Mlp(Backbone):
    """Linear layers with activations.

    Initialised like the NTK parametrisation: outputs and biases of variance 1. The output layer
    starts at 0, so the first prediction is constant.

    Args:
        n_inputs, n_layers, width, activation, n_outputs: The layers.
        is_parametric: True for parametric activations.
    """

    def __init__(
        self,
        n_inputs: int,
        n_layers: int,
        width: int,
        activation: str,
        n_outputs: int,
        *,
        is_parametric: bool = False,
    ) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(
            Linear(width if i else n_inputs, width) for i in range(n_layers)
        )
        self.activations: Sequence[Callable[[Tensor], Tensor]]
        if is_parametric:
            self.activations = nn.ModuleList(  # type: ignore[assignment]
                ParametricActivation(activation, width) for _ in range(n_layers)
            )
        else:
            self.activations = [ACTIVATIONS[activation]] * n_layers
        self.output = Linear(width, n_outputs)
        for layer in self.hidden:
            assert isinstance(layer, Linear)
            nn.init.normal_(layer.weight, std=max(layer.weight.shape[1], 1) ** -0.5)
            nn.init.normal_(layer.bias)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, drop: Drop) -> Tensor:
        """Returns ``(n_members, n_rows, n_outputs)``."""
        for layer, activation in zip(self.hidden, self.activations, strict=True):
            x = drop(activation(layer(x)))
        output: Tensor = self.output(x)
        return output

    def start_from(self, x: Tensor) -> None:
        """Scales weights to outputs of variance 1, and places the kink of each unit among the rows.

        Method: RealMLP (arXiv 2407.04491), section 3: the bias of a unit is minus a random convex
        combination of its outputs for five rows.
        """
        for layer, activation in zip(self.hidden, self.activations, strict=True):
            assert isinstance(layer, Linear)
            spread = torch.bmm(x, layer.weight).std(dim=1, keepdim=True, correction=0)
            layer.weight.div_(torch.where(spread > 1e-6, spread, 1.0))
            values = torch.bmm(x, layer.weight)
            rows = torch.randint(x.shape[1], (1, _SIMPLEX, values.shape[-1]))
            share = Exponential(1.0).sample(rows.shape)
            share /= share.sum(dim=1, keepdim=True)
            layer.bias.copy_(-(values.gather(1, rows) * share).sum(dim=1, keepdim=True))
            x = activation(values + layer.bias)


class ResNet(Backbone):
    """Residual blocks of two layers after a norm (arXiv 2106.11959, section 3.2).

    Layer norm replaces the paper's batch norm, because results must not depend on how a batch is
    split to fit into memory.
    """

    def __init__(
        self, n_inputs: int, n_layers: int, width: int, activation: str, n_outputs: int
    ) -> None:
        super().__init__()
        self.first = Linear(n_inputs, width)
        inner = _HIDDEN_FACTOR * width
        self.norms = nn.ModuleList(LayerNorm(width) for _ in range(n_layers + 1))
        self.widening = nn.ModuleList(Linear(width, inner) for _ in range(n_layers))
        self.narrowing = nn.ModuleList(Linear(inner, width) for _ in range(n_layers))
        self.activation = ACTIVATIONS[activation]
        self.output = Linear(width, n_outputs)

    def forward(self, x: Tensor, drop: Drop) -> Tensor:
        """Returns ``(n_members, n_rows, n_outputs)``."""
        x = self.first(x)
        for norm, widen, narrow in zip(self.norms[:-1], self.widening, self.narrowing, strict=True):
            x = x + narrow(drop(self.activation(widen(norm(x)))))
        output: Tensor = self.output(self.activation(self.norms[-1](x)))
        return output


class TabM(Backbone):
    """``k`` nets that share their matrices and are trained as one (arXiv 2410.24210, section 3).

    Args:
        widths: Inputs per feature; those of one feature start with the same random scale.
        n_layers, width, activation, n_outputs: The layers.
        k: Number of nets.
        is_mini: True if the nets differ only in the scale of their inputs and in their outputs.
        is_embedded: True for normal initial scales, for embedded numbers; else random signs.
    """

    def __init__(
        self,
        widths: Sequence[int],
        n_layers: int,
        width: int,
        activation: str,
        n_outputs: int,
        *,
        k: int,
        is_mini: bool,
        is_embedded: bool,
    ) -> None:
        super().__init__()
        self.k = k
        draw = torch.empty(1, 1, k, len(widths)).normal_()
        draw = draw if is_embedded else draw.sign_()
        factor = torch.empty(1, 1, k, sum(widths))
        for i, part in enumerate(torch.split(factor, list(widths), dim=-1)):
            part.copy_(draw[..., i : i + 1])
        self.input_factor = nn.Parameter(factor)
        sizes = [sum(widths), *[width] * (n_layers - 1)]
        self.hidden = nn.ModuleList(
            Linear(n, width) if is_mini else EnsembleLinear(n, width, k, scales_inputs=i > 0)
            for i, n in enumerate(sizes)
        )
        self.activation = ACTIVATIONS[activation]
        self.output = EnsembleHead(width, n_outputs, k)

    def forward(self, x: Tensor, drop: Drop) -> Tensor:
        """Returns ``(n_members, n_rows, k, n_outputs)``."""
        x = x.unsqueeze(2) * self.input_factor
        for layer in self.hidden:
            if isinstance(layer, Linear):
                x = layer(x.flatten(1, 2)).view(*x.shape[:3], -1)
            else:
                x = layer(x)
            x = drop(self.activation(x))
        output: Tensor = self.output(x)
        return output
