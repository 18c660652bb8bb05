"""Keeps the loss of the ensemble over time, and tells when a search no longer improves it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["GainHistory"]


@dataclass(slots=True)
class GainHistory:
    """The lowest loss of the ensemble so far, each time that it fell.

    Attributes:
        prior_loss: Loss of the constant baseline on the same rows; NaN until known.
        elapsed_s: Seconds since the start of the run at which the loss fell.
        losses: The losses, falling.
    """

    prior_loss: float = math.nan
    elapsed_s: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def add(self, elapsed_s: float, loss: float) -> None:
        """Adds the loss of a new ensemble; one that is not the lowest is ignored."""
        if not self.losses or loss < self.losses[-1]:
            self.elapsed_s.append(elapsed_s)
            self.losses.append(loss)

    def gain_since(self, elapsed_s: float) -> float:
        """What was gained after a time, as a share of the improvement on the baseline.

        Args:
            elapsed_s: Seconds since the start of the run.

        Returns:
            0.0 if nothing was gained; 1.0 if there was no ensemble at that time.
        """
        before = [
            loss for at, loss in zip(self.elapsed_s, self.losses, strict=True) if at <= elapsed_s
        ]
        if not before:
            return 1.0
        gained, way = before[-1] - self.losses[-1], self.prior_loss - self.losses[-1]
        return gained / way if way > 0.0 else 0.0
