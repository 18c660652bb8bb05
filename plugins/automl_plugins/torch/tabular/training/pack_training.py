"""How a pack of nets is trained, of which a single net is the smallest."""

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
from automl_plugins.torch.core.micro_batching import Parts
from automl_plugins.torch.core.schedule import SCHEDULES
from automl_plugins.torch.tabular.training.fold_tensors import PackRows
from automl_plugins.torch.tabular.training.optimizer import PackOptimiser
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.packed_net import Member

__all__ = ["PackOptions", "train_pack"]

_LEAST_EVALUATED = 64  # rows of a member at a time


@dataclass(frozen=True, slots=True)
class PackOptions:
    """How a pack is trained: what all members share.

    Attributes:
        n_epochs: Epochs, unless time or patience end it earlier.
        batch_size: Rows of a step.
        uses_muon: Whether hidden matrices are moved by Muon in place of AdamW.
        mixed_precision: Whether products are computed in bfloat16; on a GPU only.
        stop_at: What ``clock`` says when it must be over; None without a limit.
        clock: Gives the seconds.
    """

    n_epochs: int = 256
    batch_size: int = 256
    uses_muon: bool = False
    mixed_precision: bool = False
    stop_at: float | None = None
    clock: Callable[[], float] = time.monotonic


def train_pack(
    pack: Pack,
    members: Sequence[Member],
    rows: PackRows,
    valid: PackRows,
    loss: Loss,
    options: PackOptions,
    checkpoint: Checkpoint | None = None,
) -> int:
    """Trains a pack; each member ends with the net of its best epoch.

    What becomes of a member depends on the others in rounding and by the clock alone: each has its
    own order of rows, dropout and rates. Members that have stopped are dropped from the tensors,
    and the others get faster.

    Where a batch needs more memory than the GPU has, it goes through the net in halves or quarters
    whose gradients add up to its own: the step stays the same.

    Args:
        pack: Nets on the device of the rows.
        members: In the order of the pack. All must have as many batches of rows.
        rows: To learn from.
        valid: To be judged by.
        loss: What is made small.
        options: How to train.
        checkpoint: Where the state is kept, and where training goes on if there is one.

    Returns:
        Steps of the optimiser.
    """
    training = _PackTraining(pack, members, rows, valid, loss, options)
    return train(training, options.n_epochs, options.stop_at, checkpoint, options.clock)


class _PackTraining:
    """A trainee of the loop."""

    def __init__(
        self,
        pack: Pack,
        members: Sequence[Member],
        rows: PackRows,
        valid: PackRows,
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
            raise ValueError("the members of a pack must have as many batches in an epoch")
        self.optimiser = PackOptimiser(
            pack, [member.recipe for member in members], uses_muon=options.uses_muon
        )
        self.average = pack.weights.clone() if self._averages else None
        self.dropout = pack.net.dropout.share.clone() if pack.net.dropout else None
        self.step_parts, self.predict_parts = Parts(), Parts()
        self.n_steps = 0
        self._note_recipes()

    @property
    def _averages(self) -> bool:
        return any(member.recipe.average_epochs for member in self.members)

    def _note_recipes(self) -> None:
        """What of the recipes enters each step, as tensors."""
        recipes = [member.recipe for member in self.members]
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
        # Who fails is told of at the end: kept as going on, it would fail once more.
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
        """Rows of each member, ``(n_members, batch_size)``.

        Those that do not fill a last batch are left to another epoch.
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
        recipes = [member.recipe for member in self.members]
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
            # Losses are means over the rows of a part.
            share = part.shape[1] / index.shape[1]
            gradient = self.pack.gradient(losses.sum() * share)
            total = gradient if total is None else total.add_(gradient)
        assert total is not None
        return total

    def judge(self, epoch: int, progress: float) -> None:
        """Lets each member look at its validation rows, and drops those that stop."""
        weights = self.pack.weights if self.average is None else self.average
        with self.pack.with_weights(weights):
            outputs = self.predict_parts.run(self._predict)
        going = [
            place
            for place, member in enumerate(self.members)
            if member.look(
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
        """Takes members that have stopped out of the pack."""
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
    """What an average over so many steps keeps of itself in a step."""
    return math.exp(-1 / n_steps) if n_steps else 0.0
