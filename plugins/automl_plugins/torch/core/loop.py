"""The training loop of all nets: epochs of steps, evaluations, and an end in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from torch import Tensor

from automl_plugins.torch.core.checkpoint import Checkpoint
from automl_plugins.torch.core.schedule import StepBudget

__all__ = ["Trainable", "train"]


class Trainable(Protocol):
    """The object that the loop trains: a pack of nets, or one net that reads rows in batches."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps between two evaluations on the validation rows."""

    @property
    def n_going(self) -> int:
        """Number of nets that have not stopped."""

    @property
    def is_worth_keeping(self) -> bool:
        """True if a training that is cut now should continue from its checkpoint."""

    def batches(self) -> Iterator[Tensor]:
        """Rows of the steps of an epoch, in a new order."""

    def step(self, batch: Tensor, progress: float) -> None:
        """Updates the weights once.

        Args:
            batch: Row numbers.
            progress: Share of all steps done, 0 to 1.
        """

    def evaluate(self, epoch: int, progress: float) -> None:
        """Scores the validation rows, keeps the best weights, and stops nets.

        Args:
            epoch: Number of the epoch, from 1.
            progress: Share of all steps done, above 0, up to 1.
        """

    def finish(self) -> None:
        """Restores each net's weights of its best epoch."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All state that the rest of the training depends on: tensors and JSON values."""

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Restores the state from ``state``."""


def train(
    trainee: Trainable,
    n_epochs: int,
    stop_at: float | None,
    checkpoint: Checkpoint | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Trains until all epochs are done, all nets have stopped, or time is up.

    At least one epoch is evaluated, incomplete if necessary.

    Args:
        trainee: The nets to train.
        n_epochs: Number of epochs; fewer if time is short.
        stop_at: Value of ``clock`` by which training must end; None without a limit.
        checkpoint: Stores the state; training continues from it if it has one.
        clock: Returns the time in seconds.

    Returns:
        Number of steps, including those before a checkpoint.
    """
    pace = StepBudget(n_epochs * trainee.steps_per_epoch, trainee.steps_per_epoch, stop_at, clock)
    checkpoint = checkpoint or Checkpoint(None)
    epoch = 0
    if (kept := checkpoint.load()) is not None:
        tensors, facts = kept
        trainee.restore(tensors, facts)
        epoch = facts["epoch"]
        pace.go_on_from(facts["step"])
    while trainee.n_going and (epoch == 0 or not pace.is_over):
        epoch += 1
        for batch in trainee.batches():
            trainee.step(batch, pace.progress)
            pace.step_done()
            if pace.is_over:
                break
        n_going = trainee.n_going
        trainee.evaluate(epoch, pace.progress)
        pace.evaluation_done()
        if trainee.n_going < n_going:
            pace.work_changed()
        if checkpoint.is_due and trainee.is_worth_keeping:
            tensors, facts = trainee.state()
            checkpoint.save(tensors, {**facts, "epoch": epoch, "step": pace.step})
    trainee.finish()
    return pace.step
