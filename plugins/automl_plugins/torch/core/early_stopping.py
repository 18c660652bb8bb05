"""Tracks the validation loss of a net for early stopping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["EarlyStopping"]


@dataclass(slots=True)
class EarlyStopping:
    """The best epoch of a net so far.

    Attributes:
        patience: Epochs without a better loss after which it stops; None for never.
        best_epoch, best_loss: The best epoch, from 1, and its loss; 0 and infinite before the
            first.
        n_epochs: Evaluated epochs; the last may be incomplete.
    """

    patience: int | None
    best_epoch: int = 0
    best_loss: float = math.inf
    n_epochs: int = 0
    _last_gain: int = 0

    def note(self, epoch: int, loss: float) -> bool:
        """Takes the loss of an epoch; returns True if it is the best so far.

        Ties go to the later epoch, which has trained longer; coarse metrics have many of them. The
        first epoch is the best so far even with a NaN loss.
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
        """True if the patience has run out."""
        return self.patience is not None and self.n_epochs - self._last_gain >= self.patience

    @property
    def facts(self) -> list[float]:
        """The state as numbers."""
        return [self.best_epoch, self.best_loss, self.n_epochs, self._last_gain]

    def restore(self, facts: Sequence[float]) -> None:
        """Restores the state from ``facts``."""
        self.best_epoch, self.best_loss = int(facts[0]), facts[1]
        self.n_epochs, self._last_gain = int(facts[2]), int(facts[3])
