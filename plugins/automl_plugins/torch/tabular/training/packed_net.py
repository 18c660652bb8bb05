"""One net of a pack while it is trained: how it is judged, and its best epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from automl_plugins.torch.core.early_stopping import Course
from automl_plugins.torch.core.validation import EpochLog
from automl_plugins.torch.tabular.nets.net import TabularNet
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.train_config import Recipe

__all__ = ["Member"]


@dataclass(slots=True, eq=False)
class Member:
    """One net of a pack, and how its training went.

    Attributes:
        recipe: By which it learns.
        judge: Called with the number of the epoch, from 1, the share of the schedule that is done,
            and the outputs ``(n_rows, ...)`` for its validation rows; returns the validation loss,
            lower is better. What it raises, such as ``TrialPruned``, ends this member alone.
        seed: Of the order of its rows.
        log: Where its judge logs stages; None where it does not.
        net: With the weights of its best epoch, on the CPU; None where there is none.
        course: Its epochs and their validation losses.
        failure: What its judge raised, or that it has no epoch with finite outputs.
    """

    recipe: Recipe
    judge: Callable[[int, float, Tensor], float]
    seed: int
    log: EpochLog | None = None
    net: TabularNet | None = None
    failure: Exception | None = None
    course: Course = field(init=False)
    _best: Tensor | None = None

    def __post_init__(self) -> None:
        self.course = Course(self.recipe.patience)

    def look(self, epoch: int, progress: float, output: Tensor, weights: Tensor) -> bool:
        """Judges an epoch and keeps its weights if it is the best; False when it is time to stop.

        Args:
            epoch: From 1.
            progress: Share of the schedule that is done.
            output: For the validation rows.
            weights: ``(n_weights,)``.
        """
        self.course.n_epochs = epoch
        if not torch.isfinite(output).all():
            if self._best is None:
                self.failure = FloatingPointError(f"epoch {epoch} gave NaN or infinite outputs")
            return False
        try:
            loss = self.judge(epoch, progress, output)
        except Exception as error:  # is its own: the other members go on
            self.failure = error
            return False
        if self.course.note(epoch, loss):
            self._best = weights.clone()
        return not self.course.is_over and progress < self.recipe.end

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The weights of its best epoch, ``(n_weights,)``, and its log, as far as they are there.

        With it what JSON can say of its course and its log.
        """
        tensors = {} if self._best is None else {"best": self._best}
        facts: dict[str, Any] = {"course": self.course.facts}
        if self.log is not None:
            logged, facts["log"] = self.log.state()
            if logged is not None:
                tensors["log"] = torch.from_numpy(logged)
        return tensors, facts

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes up what ``state`` gave."""
        self._best = tensors.get("best")
        self.course.restore(facts["course"])
        if self.log is not None:
            logged = tensors.get("log")
            self.log.restore(None if logged is None else logged.numpy(), facts["log"])

    def settle(self, pack: Pack, place: int) -> None:
        """Takes its best net out of the pack."""
        if self._best is not None and self.failure is None:
            self.net = pack.member(place, self._best)
