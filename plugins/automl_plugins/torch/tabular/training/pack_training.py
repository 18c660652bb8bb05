"""Trains a pack of nets; a single net is a pack of one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from automl_plugins.torch.core.batch_sizes import MOST_VALUES
from automl_plugins.torch.core.checkpoint import Checkpoint
from automl_plugins.torch.core.loop import train
from automl_plugins.torch.core.losses import Loss
from automl_plugins.torch.core.micro_batching import MicroBatching
from automl_plugins.torch.core.schedule import SCHEDULES
from automl_plugins.torch.tabular.training.fold_tensors import PackTensors
from automl_plugins.torch.tabular.training.optimizer import PackOptimiser
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.packed_net import PackedNet

__all__ = ["PackOptions", "train_pack"]

_LEAST_EVALUATED = 64  # rows per member and batch


@dataclass(frozen=True, slots=True)
class PackOptions:
    """Training options common to all members.

    Attributes:
        n_epochs: Number of epochs, unless time or patience ends training earlier.
        batch_size: Rows per step.
        uses_muon: True to use Muon instead of AdamW for hidden matrices.
        mixed_precision: True to compute products in bfloat16; on a GPU only.
        stop_at: Value of ``clock`` by which training must end; None without a limit.
        clock: Returns the time in seconds.
    """

    n_epochs: int = 256
    batch_size: int = 256
    uses_muon: bool = False
    mixed_precision: bool = False
    stop_at: float | None = None
    clock: Callable[[], float] = time.monotonic


def train_pack(
    pack: Pack,
    members: Sequence[PackedNet],
    rows: PackTensors,
    valid: PackTensors,
    loss: Loss,
    options: PackOptions,
    checkpoint: Checkpoint | None = None,
) -> int:
    """Trains a pack; each member keeps the net of its best epoch.

    A member's result depends on the others only by rounding and by the clock: each has its own
    order of rows, dropout and rates. Stopped members are removed from the tensors, which makes the
    others faster.

    If the GPU runs out of memory, batches are split into halves or quarters, whose gradients are
    summed, so steps are unchanged.

    Args:
        pack: Pack on the device of the rows.
        members: Members in the order of the pack, with equal numbers of batches.
        rows: Training rows.
        valid: Validation rows.
        loss: Training loss.
        options: Training options.
        checkpoint: Stores the state; training continues from it if it has one.

    Returns:
        Number of optimiser steps.
    """
    training = _PackTraining(pack, members, rows, valid, loss, options)
    return train(training, options.n_epochs, options.stop_at, checkpoint, options.clock)


class _PackTraining:
    """Adapts a pack to the training loop."""

    def __init__(
        self,
        pack: Pack,
        members: Sequence[PackedNet],
        rows: PackTensors,
        valid: PackTensors,
        loss: Loss,
        options: PackOptions,
    ) -> None:
        self.pack, self.rows, self.valid, self.loss = pack, rows, valid, loss
        self.all_members, self.members, self.options = list(members), list(members), options
        self.device = pack.weights.device
        self.orders = [torch.Generator().manual_seed(member.seed) for member in members]
        self.batch_size = min(options.batch_size, *rows.n_rows)
        self.steps_per_epoch = min(rows.n_rows) // self.batch_size
        if max(rows.n_rows) // self.batch_size != self.steps_per_epoch:
            raise ValueError("the members of a pack must have equal numbers of batches per epoch")
        self.optimiser = PackOptimiser(
            pack, [member.config for member in members], uses_muon=options.uses_muon
        )
        self.average = pack.weights.clone() if self._averages else None
        self.dropout = pack.net.dropout.share.clone() if pack.net.dropout else None
        self.step_parts, self.predict_parts = MicroBatching(), MicroBatching()
        self.n_steps = 0
        self._note_recipes()

    @property
    def _averages(self) -> bool:
        return any(member.config.average_epochs for member in self.members)

    def _note_recipes(self) -> None:
        """Converts the options that steps use to tensors."""
        recipes = [member.config for member in self.members]
        column = {
            "smoothing": [r.label_smoothing for r in recipes],
            "memory": [_memory(r.average_epochs * self.steps_per_epoch) for r in recipes],
        }
        tensors = {name: torch.tensor(v, device=self.device) for name, v in column.items()}
        self.smoothing, self.memory = tensors["smoothing"], tensors["memory"][:, None]

    @property
    def n_going(self) -> int:
        return len(self.members)

    @property
    def is_worth_keeping(self) -> bool:
        # Errors are raised at the end; a failed member must not continue from a checkpoint.
        return not any(member.failure for member in self.all_members)

    def finish(self) -> None:
        self._drop_all_but([])

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, n_moves = self.optimiser.state
        tensors["weights"] = self.pack.weights
        if self.average is not None:
            tensors["average"] = self.average
        for place, order in enumerate(self.orders):
            tensors[f"order.{place}"] = order.get_state()
        members = [member.state() for member in self.all_members]
        for number, (own, _) in enumerate(members):
            tensors |= {f"{name}.{number}": tensor for name, tensor in own.items()}
        dropout = self.pack.net.dropout
        facts = {
            "n_steps": self.n_steps,
            "n_moves": n_moves,
            "n_drops": 0 if dropout is None else dropout.n_calls,
            "going": [self.all_members.index(member) for member in self.members],
            "members": [own for _, own in members],
        }
        return tensors, facts

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        for number, member in enumerate(self.all_members):
            names = [name for name in ("best", "log") if f"{name}.{number}" in tensors]
            own = {name: tensors[f"{name}.{number}"] for name in names}
            member.restore(own, facts["members"][number])
        self._drop_all_but(facts["going"])
        self.pack.weights.copy_(tensors["weights"])
        if self.average is not None:
            self.average.copy_(tensors["average"])
        self.optimiser.restore(tensors, facts["n_moves"])
        for place, order in enumerate(self.orders):
            order.set_state(tensors[f"order.{place}"])
        if self.pack.net.dropout is not None:
            self.pack.net.dropout.n_calls = facts["n_drops"]
        self.n_steps = facts["n_steps"]

    def batches(self) -> Iterator[Tensor]:
        """Rows of each member, ``(n_members, batch_size)``, without an incomplete last batch.

        The order of the rows is new in every epoch.
        """
        self.pack.net.train()
        n_used = self.steps_per_epoch * self.batch_size
        order = torch.stack(
            [
                torch.randperm(n, generator=generator)[:n_used]
                for n, generator in zip(self.rows.n_rows, self.orders, strict=True)
            ]
        ).to(self.device)
        return iter(torch.split(order, self.batch_size, dim=1))

    def step(self, batch: Tensor, progress: float) -> None:
        recipes = [member.config for member in self.members]
        rate = [[SCHEDULES[recipe.schedule](progress)] for recipe in recipes]
        ease = torch.ones(len(recipes), 1)
        if any(recipe.eases for recipe in recipes):
            factor = SCHEDULES["flat_cos"](progress)
            ease = torch.tensor([[factor if recipe.eases else 1.0] for recipe in recipes])
            if self.pack.net.dropout is not None and self.dropout is not None:
                self.pack.net.dropout.share = self.dropout * ease[:, 0].to(self.device)
        gradient = self.step_parts.run(lambda n_parts: self._gradient(batch, n_parts))
        self.optimiser.step(gradient, torch.tensor(rate, device=self.device), ease.to(self.device))
        self.n_steps += 1
        if self.average is not None:
            warm_up = (1 + self.n_steps) / (10 + self.n_steps)
            self.average.lerp_(self.pack.weights, 1 - self.memory.clamp(max=warm_up))

    def _gradient(self, index: Tensor, n_parts: int) -> Tensor:
        total: Tensor | None = None
        for part in index.chunk(n_parts, dim=1):
            target, weight = self.rows.target(part)
            with torch.autocast(
                self.device.type, torch.bfloat16, enabled=self.options.mixed_precision
            ):
                output = self.pack.net(*self.rows.inputs(part))
            losses = self.loss(output.float(), target, weight, self.smoothing)
            # The loss of a part is its mean over rows.
            share = part.shape[1] / index.shape[1]
            gradient = self.pack.gradient(losses.sum() * share)
            total = gradient if total is None else total.add_(gradient)
        assert total is not None
        return total

    def evaluate(self, epoch: int, progress: float) -> None:
        """Scores the validation rows of each member, and removes members that stop."""
        weights = self.pack.weights if self.average is None else self.average
        with self.pack.with_weights(weights):
            outputs = self.predict_parts.run(self._predict)
        going = [
            place
            for place, member in enumerate(self.members)
            if member.evaluate(
                epoch, progress, outputs[place, : self.valid.n_rows[place]], weights[place]
            )
        ]
        if len(going) < len(self.members):
            self._drop_all_but(going)

    def _predict(self, n_parts: int) -> Tensor:
        """Outputs for validation rows, ``(n_members, most_rows, ...)``."""
        self.pack.net.eval()
        values = self.pack.spec.width * self.pack.spec.k * len(self.members)
        size = max(_LEAST_EVALUATED, MOST_VALUES[self.device.type] // values) // n_parts
        with torch.inference_mode():
            parts = torch.split(self.valid.all_rows(), size, dim=1)
            return torch.cat([self.pack.net(*self.valid.inputs(part)) for part in parts], dim=1)

    def _drop_all_but(self, going: Sequence[int]) -> None:
        """Removes stopped members from the pack."""
        for place in set(range(len(self.members))) - set(going):
            self.members[place].settle(self.pack, place)
        self.members = [self.members[place] for place in going]
        if not going:
            return
        for part in (self.pack, self.optimiser, self.rows, self.valid):
            part.keep(going)
        index = torch.tensor(going, device=self.device)
        self.orders = [self.orders[place] for place in going]
        if self.average is not None:
            self.average = self.average.index_select(0, index)
        if self.dropout is not None:
            self.dropout = self.dropout.index_select(0, index)
        self._note_recipes()


def _memory(n_steps: float) -> float:
    """Decay per step of a moving average over ``n_steps`` steps."""
    return math.exp(-1 / n_steps) if n_steps else 0.0
