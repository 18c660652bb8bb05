"""Losses of packs: one mean over rows for each member."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

__all__ = ["Loss", "cross_entropy", "pinball", "squared_error"]

Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor | None, Tensor], Tensor]
"""``(output, target, weight or None, label_smoothing) -> loss``: output ``(n_members, n_rows,
n_outputs)``, or ``(n_members, n_rows, k, n_outputs)`` for ``k`` nets with a loss each; target and
weight ``(n_members, n_rows)``; label smoothing and loss ``(n_members,)``."""


def squared_error(output: Tensor, target: Tensor, weight: Tensor | None, _: Tensor) -> Tensor:
    """Mean squared error of a single output."""
    return _mean((output[..., 0] - _aligned(target, output)) ** 2, weight)


def pinball(levels: Sequence[float]) -> Loss:
    """Pinball loss (Koenker & Bassett 1978), averaged over the levels."""

    def loss(output: Tensor, target: Tensor, weight: Tensor | None, _: Tensor) -> Tensor:
        share = torch.tensor(levels, device=output.device)
        above = _aligned(target, output)[..., None] - output
        return _mean(torch.maximum(share * above, (share - 1) * above).mean(dim=-1), weight)

    return loss


def cross_entropy(
    output: Tensor, target: Tensor, weight: Tensor | None, label_smoothing: Tensor
) -> Tensor:
    """Cross entropy with label smoothing."""
    log_share = output.float().log_softmax(dim=-1)
    truth = _aligned(target, output).expand(output.shape[:-1])[..., None]
    right, every = log_share.gather(-1, truth)[..., 0], log_share.mean(dim=-1)
    smoothing = label_smoothing.view(-1, *[1] * (right.dim() - 1))
    return _mean(-torch.lerp(right, every, smoothing.expand_as(right)), weight)


def _aligned(target: Tensor, output: Tensor) -> Tensor:
    """The target, repeated for each of the ``k`` nets."""
    return target if output.dim() == 3 else target.unsqueeze(-1)


def _mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    each = losses.flatten(2).mean(dim=-1) if losses.dim() > 2 else losses
    return (each if weight is None else each * weight).mean(dim=1)
