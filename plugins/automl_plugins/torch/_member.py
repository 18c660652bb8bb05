"""One net of a pack while it is trained: how it is judged, and its best epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from automl_plugins.torch._nets import TabularNet
from automl_plugins.torch._pack import Pack
from automl_plugins.torch._recipe import Recipe

__all__ = ["Member"]


@dataclass(slots=True, eq=False)
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

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The weights of its best epoch, ``(n_weights,)``, if it has one."""
        return {} if self._best is None else {"best": self._best}

    @property
    def facts(self) -> list[float]:
        """How far it is."""
        return [self.best_epoch, self.best_loss, self.n_epochs, self._last_gain]

    def restore(self, best: Tensor | None, facts: Sequence[float]) -> None:
        """Takes up what ``tensors`` and ``facts`` were."""
        self._best = best
        self.best_epoch, self.best_loss = int(facts[0]), facts[1]
        self.n_epochs, self._last_gain = int(facts[2]), int(facts[3])

    def settle(self, pack: Pack, place: int) -> None:
        """Takes its best net out of the pack."""
        if self._best is not None and self.failure is None:
            self.net = pack.member(place, self._best)
