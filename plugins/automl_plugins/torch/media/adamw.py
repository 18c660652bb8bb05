"""AdamW for nets that are trained one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

__all__ = ["Group", "Optimiser"]

_FIRST_MOMENT, _SECOND_MOMENT = 0.9, 0.999
_EPSILON = 1e-8


@dataclass(slots=True)
class Group:
    """Weights with the same rates.

    Attributes:
        weights: The weights, on one device.
        lr: Highest learning rate of the cycle.
        weight_decay: Decoupled weight decay, multiplied by the learning rate.
    """

    weights: Sequence[nn.Parameter]
    lr: float
    weight_decay: float
    first: list[Tensor] = field(init=False)
    second: list[Tensor] = field(init=False)
    n_steps: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.first = [torch.zeros_like(w) for w in self.weights]
        self.second = [torch.zeros_like(w) for w in self.weights]
        self.n_steps = [torch.zeros((), device=w.device) for w in self.weights]


class Optimiser:
    """AdamW (arXiv 1711.05101) on torch's functional form.

    The first instance of torch's class imports a compiler, which takes as long as some whole fits.

    Args:
        groups: Weights to train.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = [group for group in groups if group.weights]

    def forget_gradients(self) -> None:
        """Clears the gradients before a step."""
        for group in self.groups:
            for weight in group.weights:
                weight.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Updates all weights that have a gradient.

        Args:
            rate: Factor of the learning rates.
        """
        for group in self.groups:
            moved = [i for i, weight in enumerate(group.weights) if weight.grad is not None]
            if not moved:
                continue
            adamw(
                [group.weights[i] for i in moved],
                [grad for i in moved if (grad := group.weights[i].grad) is not None],
                [group.first[i] for i in moved],
                [group.second[i] for i in moved],
                [],
                [group.n_steps[i] for i in moved],
                fused=True,
                amsgrad=False,
                beta1=_FIRST_MOMENT,
                beta2=_SECOND_MOMENT,
                lr=rate * group.lr,
                weight_decay=group.weight_decay,
                eps=_EPSILON,
                maximize=False,
            )

    @property
    def tensors(self) -> dict[str, Tensor]:
        """State of the optimiser, by name."""
        return {
            f"{number}.{name}.{i}": tensor
            for number, group in enumerate(self.groups)
            for name in ("first", "second", "n_steps")
            for i, tensor in enumerate(getattr(group, name))
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restores the state from ``tensors``."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
