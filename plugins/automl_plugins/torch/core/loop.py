"""The training loop of every net: epochs of steps, looks at validation rows, and an end in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from torch import Tensor

from automl_plugins.torch.core.checkpoint import Checkpoint
from automl_plugins.torch.core.schedule import Pace

__all__ = ["Trainee", "train"]


class Trainee(Protocol):
    """What the loop trains: a pack of nets, or one net that reads its rows batch by batch."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps from one look at the validation rows to the next."""

    @property
    def n_going(self) -> int:
        """Nets that have not stopped yet."""

    @property
    def is_worth_keeping(self) -> bool:
        """Whether a training that is cut now should go on from here."""

    def batches(self) -> Iterator[Tensor]:
        """Rows of the steps of an epoch, in an order of its own."""

    def step(self, batch: Tensor, progress: float) -> None:
        """Moves the weights once.

        Args:
            batch: Rows.
            progress: Share of all steps that is done, 0 to 1.
        """

    def judge(self, epoch: int, progress: float) -> None:
        """Looks at the validation rows, keeps what is best, and stops nets that are done.

        Args:
            epoch: From 1.
            progress: Share of all steps that is done, above 0, up to 1.
        """

    def finish(self) -> None:
        """Leaves each net with the weights of its best epoch."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the rest of training depends on: tensors, and what JSON can say."""

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes up what ``state`` gave."""


def train(
    trainee: Trainee,
    n_epochs: int,
    stop_at: float | None,
    checkpoint: Checkpoint | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Trains until all epochs are done, nothing gets better, or the time is up.

    At least one epoch is judged, cut short if it must be.

    Args:
        trainee: What is trained.
        n_epochs: Epochs; fewer steps are planned where the time does not allow them.
        stop_at: What ``clock`` says when it must be over; None without a limit.
        checkpoint: Where the state is kept, and where training goes on if there is one.
        clock: Gives the seconds.

    Returns:
        Steps that were done, those before a checkpoint included.
    """
    pace = Pace(n_epochs * trainee.steps_per_epoch, trainee.steps_per_epoch, stop_at, clock)
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
        trainee.judge(epoch, pace.progress)
        pace.evaluation_done()
        if trainee.n_going < n_going:
            pace.work_changed()
        if checkpoint.is_due and trainee.is_worth_keeping:
            tensors, facts = trainee.state()
            checkpoint.save(tensors, {**facts, "epoch": epoch, "step": pace.step})
    trainee.finish()
    return pace.step
