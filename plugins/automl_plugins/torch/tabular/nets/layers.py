"""Layers for several nets: the first axis of every weight is the members of a pack.

A new layer has one member; packs concatenate layers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "ACTIVATIONS",
    "Dropout",
    "EnsembleHead",
    "EnsembleLinear",
    "LayerNorm",
    "LearntScale",
    "Linear",
    "ParametricActivation",
]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "selu": functional.selu,
    "mish": functional.mish,
    "relu": functional.relu,
    "silu": functional.silu,
}


class Linear(nn.Module):
    """One linear layer per member.

    Shape:
        ``(n_members, n_rows, n_inputs)`` to ``(n_members, n_rows, n_outputs)``.

    Initialised like torch's layers, uniformly within ``1 / sqrt(n_inputs)``.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        bound = max(n_inputs, 1) ** -0.5
        self.weight = nn.Parameter(torch.empty(1, n_inputs, n_outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(1, 1, n_outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Multiplies and adds."""
        return torch.baddbmm(self.bias, x, self.weight)


class LearntScale(nn.Module):
    """A learnt factor for each input: soft feature selection (arXiv 2407.04491, section 3).

    Shape:
        ``(n_members, n_rows, n_features)`` to the same.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1, 1, n_features))

    def forward(self, x: Tensor) -> Tensor:
        """Multiplies."""
        return x * self.factor


class ParametricActivation(nn.Module):
    """An activation blended with the identity for each unit (arXiv 2407.04491, section 3).

    ``x + slope * (f(x) - x)`` with a learnt slope that starts at 1.

    Shape:
        ``(n_members, n_rows, width)`` to the same.
    """

    def __init__(self, name: str, width: int) -> None:
        super().__init__()
        self.function = ACTIVATIONS[name]
        self.slope = nn.Parameter(torch.ones(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """Activates."""
        return x + (self.function(x) - x) * self.slope


class LayerNorm(nn.Module):
    """Normalises each row over its units, with a learnt factor and shift.

    Shape:
        ``(n_members, n_rows, width)`` to the same.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1, 1, width))
        self.bias = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalises."""
        return functional.layer_norm(x, x.shape[-1:]) * self.factor + self.bias


class EnsembleLinear(nn.Module):
    """A linear layer of ``k`` nets that share a matrix: each scales its inputs and outputs.

    Method: BatchEnsemble (arXiv 2002.06715), as in TabM (arXiv 2410.24210, section 3.2).

    Shape:
        ``(n_members, n_rows, k, n_inputs)`` to ``(n_members, n_rows, k, n_outputs)``.

    Args:
        n_inputs, n_outputs: Shape of the matrix.
        k: Number of nets.
        scales_inputs: False if the inputs are already scaled.
    """

    def __init__(self, n_inputs: int, n_outputs: int, k: int, *, scales_inputs: bool) -> None:
        super().__init__()
        bound = max(n_inputs, 1) ** -0.5
        self.weight = nn.Parameter(torch.empty(1, n_inputs, n_outputs).uniform_(-bound, bound))
        ones = torch.ones(1, 1, k, n_inputs)
        self.input_factor = nn.Parameter(ones) if scales_inputs else None
        self.output_factor = nn.Parameter(torch.ones(1, 1, k, n_outputs))
        shared = torch.empty(1, 1, 1, n_outputs).uniform_(-bound, bound)
        self.bias = nn.Parameter(torch.empty(1, 1, k, n_outputs).copy_(shared))

    def forward(self, x: Tensor) -> Tensor:
        """Scales, multiplies, scales and adds."""
        scaled = x if self.input_factor is None else x * self.input_factor
        product = torch.bmm(scaled.flatten(1, 2), self.weight)
        return torch.addcmul(
            self.bias, product.view(*x.shape[:3], product.shape[-1]), self.output_factor
        )


class EnsembleHead(nn.Module):
    """An output layer for each of ``k`` nets.

    Shape:
        ``(n_members, n_rows, k, n_inputs)`` to ``(n_members, n_rows, k, n_outputs)``.
    """

    def __init__(self, n_inputs: int, n_outputs: int, k: int) -> None:
        super().__init__()
        bound = max(n_inputs, 1) ** -0.5
        self.weight = nn.Parameter(torch.empty(1, k, n_inputs, n_outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(1, 1, k, n_outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Multiplies and adds."""
        return torch.einsum("mrki,mkio->mrko", x, self.weight) + self.bias


class Dropout(nn.Module):
    """Dropout with a share and a random stream for each member.

    The dropped values depend on the member's seed and number of calls, not on other members or the
    device: random bytes come from a hashed counter (SplitMix64: Steele, Lea & Flood 2014,
    figure 13). The share is rounded to a multiple of 1/256.

    Shape:
        ``(n_members, n_rows, ...)`` to the same.

    Args:
        share: Share of values set to zero in training, below 1.
        seed: Seed of the random stream.
    """

    seed: Tensor
    share: Tensor

    def __init__(self, share: float, seed: int) -> None:
        super().__init__()
        self.register_buffer("share", torch.tensor([share]), persistent=False)
        self.register_buffer("seed", torch.tensor([seed]), persistent=False)
        self.is_idle = round(256 * share) == 0
        self.n_calls = 0

    def forward(self, x: Tensor) -> Tensor:
        """Drops values and scales the others up."""
        if not self.training or self.is_idle:
            return x
        self.n_calls += 1
        n_dropped = (256 * self.share).round().view(-1, *[1] * (x.dim() - 1)).to(x.dtype)
        # 1 where the byte is at least n_dropped, else 0; booleans are three times slower.
        kept = self._bytes(x[0].numel()).view(x.shape).to(x.dtype)
        kept = kept.sub_(n_dropped - 1).clamp_(0, 1)
        return x * kept.mul_(256 / (256 - n_dropped))

    def _bytes(self, n: int) -> Tensor:
        """Random bytes of each member, ``(n_members, n)``."""
        start = _hashed(self.seed + (self.n_calls * _GOLDEN + 2**63) % 2**64 - 2**63)
        count = torch.arange(-(-n // 8), device=self.seed.device) * _GOLDEN
        return _hashed(start[:, None] + count).view(torch.uint8)[:, :n]


_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def _hashed(x: Tensor) -> Tensor:
    """SplitMix64 hashes (int64) of ``x``."""
    x = x ^ _shifted(x, 30)
    x *= _FACTORS[0]
    x ^= _shifted(x, 27)
    x *= _FACTORS[1]
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, n_bits: int) -> Tensor:
    """Logical shift to the right, as for unsigned numbers."""
    return (x >> n_bits).bitwise_and_(2 ** (64 - n_bits) - 1)
