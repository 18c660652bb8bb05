"""Stacks nets of equal specs into one net, whose weights are rows of one matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor

from automl_plugins.torch.core.meta import shapes_only
from automl_plugins.torch.tabular.nets.net import NetSpec, TabularNet

__all__ = ["Pack", "one_net"]


class Pack:
    """Nets of equal specs that are trained and predict together.

    Attributes:
        net: Net whose tensors have all members along their first axis.
        weights: All weights, ``(n_members, n_weights)``; the tensors of ``net`` are views of it.
        places: For each tensor name its start, end and shape in a row of ``weights``.

    Args:
        nets: One per member, on one device; the first becomes the net of the pack.
    """

    def __init__(self, nets: Sequence[TabularNet]) -> None:
        if any(net.spec != nets[0].spec for net in nets):
            raise ValueError("the nets of a pack must have the same spec")
        self.net = nets[0]
        self._tensors = dict(self.net.named_parameters())
        self.places: dict[str, tuple[int, int, tuple[int, ...]]] = {}
        start = 0
        for name, tensor in self._tensors.items():
            shape = tuple(tensor.shape[1:])
            self.places[name] = (start, start + prod(shape), shape)
            start += prod(shape)
        rows = [torch.cat([p.detach().flatten(1) for p in n.parameters()], dim=1) for n in nets]
        self._set_buffers([dict(net.named_buffers()) for net in nets])
        if self.net.dropout is not None:
            self.net.dropout.is_idle = all(n.dropout is None or n.dropout.is_idle for n in nets)
        self.weights = torch.cat(rows)
        self._bind(self.weights)

    @property
    def spec(self) -> NetSpec:
        """Spec of each net."""
        return self.net.spec

    @property
    def n_members(self) -> int:
        """Nets."""
        return len(self.weights)

    def gradient(self, loss: Tensor) -> Tensor:
        """Gradient of a sum over members, ``(n_members, n_weights)``."""
        grads = torch.autograd.grad(
            loss, list(self._tensors.values()), allow_unused=True, materialize_grads=True
        )
        return torch.cat([grad.flatten(1) for grad in grads], dim=1)

    def keep(self, members: Sequence[int]) -> None:
        """Drops all members but these, in their order."""
        index = torch.tensor(members, device=self.weights.device)
        buffers = dict(self.net.named_buffers())
        self._set_buffers([{n: t.index_select(0, index) for n, t in buffers.items()}])
        self.weights = self.weights.index_select(0, index)
        self._bind(self.weights)

    @contextmanager
    def with_weights(self, weights: Tensor) -> Iterator[None]:
        """Temporarily replaces the weights of the nets."""
        self._bind(weights)
        try:
            yield
        finally:
            self._bind(self.weights)

    def member(self, number: int, weights: Tensor) -> TabularNet:
        """Returns one net on the CPU, in evaluation mode.

        Args:
            number: Number of the member.
            weights: Its weights, ``(n_weights,)``.
        """
        tensors = {
            name: weights[start:end].view(1, *shape)
            for name, (start, end, shape) in self.places.items()
        }
        persistent = self.net.state_dict().keys() - self.places.keys()
        buffers = dict(self.net.named_buffers())
        tensors.update({name: buffers[name][number : number + 1] for name in persistent})
        return one_net(self.spec, tensors)

    def _bind(self, weights: Tensor) -> None:
        for name, (start, end, shape) in self.places.items():
            self._tensors[name].data = weights[:, start:end].view(len(weights), *shape)

    def _set_buffers(self, parts: Sequence[dict[str, Tensor]]) -> None:
        for name in parts[0]:
            owner, _, own = name.rpartition(".")
            stacked = torch.cat([part[name] for part in parts])
            setattr(self.net.get_submodule(owner), own, stacked)


def one_net(spec: NetSpec, tensors: dict[str, Tensor]) -> TabularNet:
    """Builds one net with given weights, on the CPU and in evaluation mode.

    Raises:
        ValueError: The weights do not match the spec; the first difference is named.
    """
    with shapes_only():  # nothing is allocated before shapes are checked
        net = TabularNet(spec)
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != expected:
        names = sorted(n for n in expected.keys() | found if expected.get(n) != found.get(n))
        raise ValueError(
            f"{names[0]} is {found.get(names[0], 'missing')}, "
            f"expected {expected.get(names[0], 'nothing')}"
        )
    # torch aligns copies; with other alignment a product may differ in the last bit.
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    net.load_state_dict(own, assign=True)
    return net.eval().requires_grad_(False)
