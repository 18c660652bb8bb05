"""The training loop of nets that read rows batch by batch: one cycle of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from automl_plugins.torch._checkpoint import Checkpoint
from automl_plugins.torch._halving import Parts
from automl_plugins.torch._schedule import SCHEDULES, Pace
from automl_plugins.torch.media._optimiser import Optimiser

__all__ = ["CycleOptions", "train"]


@dataclass(frozen=True, slots=True)
class CycleOptions:
    """How a net is trained.

    Attributes:
        n_epochs: Epochs, fewer where the time does not allow them.
        batch_size: Rows of a step.
        patience: Epochs without a better score after which training stops.
        clip_norm: Gradients are clipped to this norm.
        stop_at: ``time.monotonic()`` at which it must be over; None without a clock.
    """

    n_epochs: int
    batch_size: int
    patience: int
    clip_norm: float
    stop_at: float | None


def train(
    net: nn.Module,
    optimiser: Optimiser,
    n_rows: int,
    loss: Callable[[Tensor, int], Tensor],
    evaluate: Callable[[int], float],
    options: CycleOptions,
    generator: torch.Generator,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Trains a net in place and leaves it with its best weights, in evaluation mode.

    Where a batch needs more memory than the GPU has, it goes through the net in halves or quarters,
    whose gradients add up.

    Args:
        net: What is trained.
        optimiser: Of its weights; its rates are the highest of the cycle.
        n_rows: Training rows.
        loss: ``(row numbers of a batch, epoch from 0) -> scalar``.
        evaluate: Called with the number of the epoch, from 1; returns the validation loss. What it
            raises, such as ``TrialPruned``, passes.
        options: How to train.
        generator: Of the order of rows, on the CPU.
        checkpoint: Where the state is kept, and where training goes on if there is one.
    """
    size = min(options.batch_size, n_rows)
    steps_per_epoch = max(1, n_rows // size)
    pace = Pace(options.n_epochs * steps_per_epoch, steps_per_epoch, options.stop_at)
    parts = Parts()
    best_loss, best_weights = math.inf, _copy(net)
    epoch = last_gain = 0
    checkpoint = checkpoint or Checkpoint(None)
    if (state := checkpoint.load()) is not None:
        tensors, facts = state
        best_weights = _restore(tensors, net, optimiser, generator)
        epoch, last_gain, best_loss = facts["epoch"], facts["last_gain"], facts["best_loss"]
        pace.go_on_from(facts["step"])
    while epoch == 0 or not (pace.is_over or epoch - last_gain > options.patience):
        net.train()
        order = torch.randperm(n_rows, generator=generator)
        for start in range(0, steps_per_epoch * size, size):
            batch = order[start : start + size]
            parts.run(partial(_accumulate, optimiser, loss, batch, epoch))
            nn.utils.clip_grad_norm_(net.parameters(), options.clip_norm)
            optimiser.step(SCHEDULES["one_cycle"](pace.progress))
            pace.step_done()
            if pace.is_over:
                break
        net.eval()
        epoch += 1
        value = evaluate(epoch)
        pace.evaluation_done()
        last_gain = epoch if value < best_loss else last_gain
        # Of equal epochs the later one has seen more: coarse metrics have many of them.
        if value <= best_loss or epoch == 1:
            best_loss, best_weights = min(best_loss, value), _copy(net)
        if checkpoint.is_due:
            facts = {"epoch": epoch, "last_gain": last_gain, "best_loss": best_loss}
            tensors = _state(net, optimiser, generator, best_weights)
            checkpoint.save(tensors, {**facts, "step": pace.step})
    net.load_state_dict(best_weights)


def _accumulate(
    optimiser: Optimiser,
    loss: Callable[[Tensor, int], Tensor],
    batch: Tensor,
    epoch: int,
    n_parts: int,
) -> None:
    """Leaves the gradient of a batch, which goes through the net in so many parts."""
    optimiser.forget_gradients()
    for part in batch.chunk(n_parts):
        share = len(part) / len(batch)  # losses are means over the rows of a part
        (share * loss(part, epoch)).backward()  # type: ignore[no-untyped-call]


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def _state(
    net: nn.Module,
    optimiser: Optimiser,
    generator: torch.Generator,
    best_weights: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Every tensor that the rest of training depends on, by name."""
    return {
        **{f"net.{name}": tensor for name, tensor in net.state_dict().items()},
        **{f"best.{name}": tensor for name, tensor in best_weights.items()},
        **{f"moment.{name}": tensor for name, tensor in optimiser.tensors.items()},
        "order": generator.get_state(),
        "draws": torch.get_rng_state(),
        **{f"draws.{k}": state for k, state in enumerate(_cuda_states())},
    }


def _restore(
    tensors: dict[str, Tensor],
    net: nn.Module,
    optimiser: Optimiser,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Takes up a state; returns the best weights so far."""
    own = net.state_dict()
    net.load_state_dict({name: tensors[f"net.{name}"] for name in own})
    optimiser.restore({n.removeprefix("moment."): t for n, t in tensors.items()})
    generator.set_state(tensors["order"])
    torch.set_rng_state(tensors["draws"])
    for k in range(len(_cuda_states())):
        torch.cuda.set_rng_state(tensors[f"draws.{k}"], k)
    return {name: tensors[f"best.{name}"].to(own[name].device) for name in own}


def _cuda_states() -> list[Tensor]:
    is_there = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state_all() if is_there else []
