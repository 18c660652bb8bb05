"""One net of a pack while it is trained: how it is judged, and its best epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from automl_plugins.torch._course import Course
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
        course: Its epochs and their validation losses.
        failure: What its judge raised, or that it has no epoch with finite outputs.
    """

    recipe: Recipe
    judge: Callable[[int, Tensor], float]
    seed: int
    net: TabularNet | None = None
    failure: Exception | None = None
    course: Course = field(init=False)
    _best: Tensor | None = None

    def __post_init__(self) -> None:
        self.course = Course(self.recipe.patience)

    def look(self, epoch: int, output: Tensor, weights: Tensor) -> bool:
        """Judges an epoch and keeps its weights if it is the best; False when it is time to stop.

        Args:
            epoch: From 1.
            output: For the validation rows.
            weights: ``(n_weights,)``.
        """
        self.course.n_epochs = epoch
        if not torch.isfinite(output).all():
            if self._best is None:
                self.failure = FloatingPointError(f"epoch {epoch} gave NaN or infinite outputs")
            return False
        try:
            loss = self.judge(epoch, output)
        except Exception as error:  # is its own: the other members go on
            self.failure = error
            return False
        if self.course.note(epoch, loss):
            self._best = weights.clone()
        return not self.course.is_over

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The weights of its best epoch, ``(n_weights,)``, if it has one."""
        return {} if self._best is None else {"best": self._best}

    def restore(self, best: Tensor | None, facts: Sequence[float]) -> None:
        """Takes up what ``tensors`` and the facts of its course were."""
        self._best = best
        self.course.restore(facts)

    def settle(self, pack: Pack, place: int) -> None:
        """Takes its best net out of the pack."""
        if self._best is not None and self.failure is None:
            self.net = pack.member(place, self._best)
