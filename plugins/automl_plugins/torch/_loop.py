"""The training loop of every net: packs of nets, of which a single net is the smallest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from automl_plugins.torch._family import MOST_VALUES
from automl_plugins.torch._halving import Parts
from automl_plugins.torch._losses import Loss
from automl_plugins.torch._nets import TabularNet
from automl_plugins.torch._optimiser import PackOptimiser
from automl_plugins.torch._pack import Pack
from automl_plugins.torch._recipe import Recipe
from automl_plugins.torch._rows import PackRows
from automl_plugins.torch._schedule import SCHEDULES, Pace

__all__ = ["LoopOptions", "Member", "train"]

_LEAST_EVALUATED = 64  # rows of a member at a time


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How a pack is trained: what all members share.

    Attributes:
        n_epochs: Epochs, unless time or patience end it earlier.
        batch_size: Rows of a step.
        uses_muon: Whether hidden matrices are moved by Muon in place of AdamW.
        mixed_precision: Whether products are computed in bfloat16; on a GPU only.
        stop_at: ``time.monotonic()`` at which it must be over; None without a clock.
    """

    n_epochs: int = 256
    batch_size: int = 256
    uses_muon: bool = False
    mixed_precision: bool = False
    stop_at: float | None = None


@dataclass(slots=True)
class Member:
    """One net of a pack, and how its training went.

    Attributes:
        recipe: By which it learns.
        judge: Called with the number of the epoch, from 1, and the outputs ``(n_rows, ...)`` for
            its validation rows; returns the validation loss, lower is better. What it raises, such
            as ``TrialPruned``, ends this member alone.
        seed: Of the order of its rows.
        net: With the weights of its best epoch, on the CPU; None where there is none.
        best_epoch, best_loss: That epoch, from 1, and its validation loss.
        n_epochs: Epochs it was judged in; the last may be a part of one.
        failure: What its judge raised, or that it has no epoch with finite outputs.
    """

    recipe: Recipe
    judge: Callable[[int, Tensor], float]
    seed: int
    net: TabularNet | None = None
    best_epoch: int = 0
    best_loss: float = math.inf
    n_epochs: int = 0
    failure: Exception | None = None
    _last_gain: int = 0
    _best: Tensor | None = None

    def look(self, epoch: int, output: Tensor, weights: Tensor) -> bool:
        """Judges an epoch and keeps its weights if it is the best; False when it is time to stop.

        Args:
            epoch: From 1.
            output: For the validation rows.
            weights: ``(n_weights,)``.
        """
        self.n_epochs = epoch
        if not torch.isfinite(output).all():
            if self._best is None:
                self.failure = FloatingPointError(f"epoch {epoch} gave NaN or infinite outputs")
            return False
        try:
            loss = self.judge(epoch, output)
        except Exception as error:  # is its own: the other members go on
            self.failure = error
            return False
        if loss < self.best_loss:
            self._last_gain = epoch
        # Of equal epochs the later one has seen more: coarse metrics have many of them.
        if loss <= self.best_loss or self._best is None:
            self.best_epoch, self.best_loss, self._best = epoch, loss, weights.clone()
        patience = self.recipe.patience
        return patience is None or epoch - self._last_gain < patience

    def settle(self, pack: Pack, place: int) -> None:
        """Takes its best net out of the pack."""
        if self._best is not None and self.failure is None:
            self.net = pack.member(place, self._best)
        self._best = None


def train(
    pack: Pack,
    members: Sequence[Member],
    rows: PackRows,
    valid: PackRows,
    loss: Loss,
    options: LoopOptions,
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

    Returns:
        Steps of the optimiser.
    """
    return _Training(pack, members, rows, valid, loss, options).run()


class _Training:
    def __init__(
        self,
        pack: Pack,
        members: Sequence[Member],
        rows: PackRows,
        valid: PackRows,
        loss: Loss,
        options: LoopOptions,
    ) -> None:
        self.pack, self.rows, self.valid, self.loss = pack, rows, valid, loss
        self.members, self.options = list(members), options
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

    def run(self) -> int:
        """Trains all members to their ends."""
        options = self.options
        pace = Pace(options.n_epochs * self.steps_per_epoch, self.steps_per_epoch, options.stop_at)
        epoch = 0
        while self.members and (epoch == 0 or not pace.is_over):
            epoch += 1
            self._train_epoch(pace)
            going = self._judge(epoch)
            pace.evaluation_done()
            if len(going) < len(self.members):
                self._drop_all_but(going)
                pace.work_changed()
        self._drop_all_but([])
        return self.n_steps

    def _train_epoch(self, pace: Pace) -> None:
        """One step on each batch of an epoch, or on as many as the time allows.

        The rows that do not fill a last batch are left to another epoch.
        """
        self.pack.net.train()
        n_used = self.steps_per_epoch * self.batch_size
        order = torch.stack(
            [
                torch.randperm(n, generator=generator)[:n_used]
                for n, generator in zip(self.rows.n_rows, self.orders, strict=True)
            ]
        ).to(self.device)
        for index in torch.split(order, self.batch_size, dim=1):
            self._step(index, pace.progress)
            pace.step_done()
            if pace.is_over:
                return

    def _step(self, index: Tensor, progress: float) -> None:
        """Moves all members once, each by its rows of ``index``, ``(n_members, batch_size)``."""
        recipes = [member.recipe for member in self.members]
        rate = [[SCHEDULES[recipe.schedule](progress)] for recipe in recipes]
        ease = torch.ones(len(recipes), 1)
        if any(recipe.eases for recipe in recipes):
            factor = SCHEDULES["flat_cos"](progress)
            ease = torch.tensor([[factor if recipe.eases else 1.0] for recipe in recipes])
            if self.pack.net.dropout is not None and self.dropout is not None:
                self.pack.net.dropout.share = self.dropout * ease[:, 0].to(self.device)
        gradient = self.step_parts.run(lambda n_parts: self._gradient(index, n_parts))
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

    def _judge(self, epoch: int) -> list[int]:
        """Lets each member look at its validation rows; places of those that go on."""
        weights = self.pack.weights if self.average is None else self.average
        with self.pack.with_weights(weights):
            outputs = self.predict_parts.run(self._predict)
        return [
            place
            for place, member in enumerate(self.members)
            if member.look(epoch, outputs[place, : self.valid.n_rows[place]], weights[place])
        ]

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
