"""The training loop of every net: steps, evaluations, early stopping, the best weights kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from automl_plugins.torch._halving import Parts
from automl_plugins.torch._schedule import SCHEDULES, Pace

__all__ = ["Batches", "LoopOptions", "Outcome", "Rows", "index_batches", "train"]

Batches: TypeAlias = Callable[[int, int, torch.Generator], Iterator[Tensor]]
"""Gives the batches of an epoch from the number of rows, the size of a batch and a generator."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows, resident on the device of the net.

    Attributes:
        inputs: What the net takes, each with rows along the first axis.
        target: Along the same axis.
        weight: Row weights of mean 1, or None.
    """

    inputs: tuple[Tensor, ...]
    target: Tensor
    weight: Tensor | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.target)


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How a net is trained.

    Attributes:
        n_epochs: Epochs, unless time or patience end it earlier.
        batch_size: Rows of a step.
        schedule: A key of ``SCHEDULES``; stretched over the epochs that fit in the time.
        patience: Epochs without a better score after which training stops; None for never.
        clip_norm: Gradients are clipped to this norm; None for not at all.
        stop_at: ``time.monotonic()`` at which it must be over; None without a clock.
    """

    n_epochs: int = 256
    batch_size: int = 256
    schedule: str = "coslog4"
    patience: int | None = None
    clip_norm: float | None = None
    stop_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training went.

    Attributes:
        best_epoch: The epoch whose weights the net now has, from 1.
        best_loss: Its validation loss.
        n_epochs: Evaluations made; the last epoch may be a part of one.
        n_steps: Optimiser steps made.
    """

    best_epoch: int
    best_loss: float
    n_epochs: int
    n_steps: int


def index_batches(n_rows: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of the batches of one epoch, in random order, each ``(batch_size,)``.

    The rows that do not fill a last batch are left to another epoch; fewer rows than one batch
    are one batch.
    """
    order = torch.randperm(n_rows, generator=generator, device=generator.device)
    size = min(batch_size, n_rows)
    for start in range(0, n_rows - size + 1, size):
        yield order[start : start + size]


def train(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    rows: Rows,
    loss: Callable[[Tensor, Tensor, Tensor | None], Tensor],
    evaluate: Callable[[int], float],
    options: LoopOptions,
    generator: torch.Generator,
    batches: Batches = index_batches,
) -> Outcome:
    """Trains a net in place and leaves it with its best weights, in evaluation mode.

    The loop knows neither the kind of net nor the task: a batch of row numbers picks inputs and
    targets along their first axis, so numbers of shape ``(n_members, batch_size)`` feed a pack
    of nets with stacked weights just as well.

    Where a batch needs more memory than the GPU has, it goes through the net in halves or quarters
    whose gradients add up to its own: the step stays the same.

    Args:
        net: Takes ``rows.inputs`` of a batch.
        optimiser: Over its weights; the schedule multiplies the ``lr`` each group has now.
        rows: What to learn from.
        loss: ``(output, target, weight or None) -> scalar``, a mean over rows.
        evaluate: Called with the number of the epoch, from 1, when the net is in evaluation
            mode; returns the validation loss, lower is better. What it raises, such as
            ``TrialPruned``, passes.
        options: How to train.
        generator: Of the order of rows, on the device of ``rows``.
        batches: Row numbers of the batches of one epoch.
    """
    steps_per_epoch = max(1, rows.n_rows // options.batch_size)
    pace = Pace(options.n_epochs * steps_per_epoch, steps_per_epoch, options.stop_at)
    factor = SCHEDULES[options.schedule]
    rates = [group["lr"] for group in optimiser.param_groups]
    best_epoch, best_loss, best_weights = 0, math.inf, _copy(net)
    epoch = n_steps = last_gain = 0
    parts = Parts()
    while not pace.is_over or epoch == 0:
        net.train()
        for index in batches(rows.n_rows, options.batch_size, generator):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor(pace.progress)
            _step(net, optimiser, rows, index, loss, options.clip_norm, parts)
            n_steps += 1
            pace.step_done()
            if pace.is_over:
                break
        net.eval()
        epoch += 1
        value = evaluate(epoch)
        pace.evaluation_done()
        if value < best_loss:
            last_gain = epoch
        # Of equal epochs the later one has seen more: coarse metrics have many of them.
        if value <= best_loss or best_epoch == 0:
            best_epoch, best_loss, best_weights = epoch, value, _copy(net)
        if options.patience is not None and epoch - last_gain >= options.patience:
            break
    net.load_state_dict(best_weights)
    return Outcome(best_epoch, best_loss, epoch, n_steps)


def _step(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    rows: Rows,
    index: Tensor,
    loss: Callable[[Tensor, Tensor, Tensor | None], Tensor],
    clip_norm: float | None,
    parts: Parts,
) -> None:
    """One gradient step on the rows of ``index``."""

    def backward(n_parts: int) -> None:
        optimiser.zero_grad(set_to_none=True)
        for part in index.chunk(n_parts, dim=-1):
            output = net(*(x[part] for x in rows.inputs))
            weight = None if rows.weight is None else rows.weight[part]
            value = loss(output, rows.target[part], weight)
            if n_parts > 1:  # losses are means over the rows of a part
                value = value * (part.shape[-1] / index.shape[-1])
            value.backward()  # type: ignore[no-untyped-call]

    parts.run(backward)
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(net.parameters(), clip_norm)
    optimiser.step()


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
