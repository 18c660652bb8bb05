"""How the training of one net went: its best epoch, and whether it is time to stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Course"]


@dataclass(slots=True)
class Course:
    """The validation losses of a net so far.

    Attributes:
        patience: Epochs without a better loss after which it stops; None for never.
        best_epoch, best_loss: The best epoch, from 1, and its loss; 0 and infinite before the
            first.
        n_epochs: Epochs it was judged in; the last may be a part of one.
    """

    patience: int | None
    best_epoch: int = 0
    best_loss: float = math.inf
    n_epochs: int = 0
    _last_gain: int = 0

    def note(self, epoch: int, loss: float) -> bool:
        """Notes the loss of an epoch; whether it is the best.

        Of equal epochs the later one has seen more: coarse metrics have many of them. The first
        is the best of its time even if its loss is no number.
        """
        self.n_epochs = epoch
        if loss < self.best_loss:
            self._last_gain = epoch
        if not (loss <= self.best_loss or self.best_epoch == 0):
            return False
        self.best_epoch, self.best_loss = epoch, min(self.best_loss, loss)
        return True

    @property
    def is_over(self) -> bool:
        """Whether it has been waiting for a better loss for long enough."""
        return self.patience is not None and self.n_epochs - self._last_gain >= self.patience

    @property
    def facts(self) -> list[float]:
        """How far it is."""
        return [self.best_epoch, self.best_loss, self.n_epochs, self._last_gain]

    def restore(self, facts: Sequence[float]) -> None:
        """Takes up what ``facts`` was."""
        self.best_epoch, self.best_loss = int(facts[0]), facts[1]
        self.n_epochs, self._last_gain = int(facts[2]), int(facts[3])
