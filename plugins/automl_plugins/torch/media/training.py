"""Trains one net that reads its rows in batches, with one cycle of the learning rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from automl_plugins.torch.core.checkpoint import Checkpoint
from automl_plugins.torch.core.early_stopping import EarlyStopping
from automl_plugins.torch.core.loop import train
from automl_plugins.torch.core.micro_batching import MicroBatching
from automl_plugins.torch.core.schedule import SCHEDULES
from automl_plugins.torch.core.validation import EpochLog
from automl_plugins.torch.media.adamw import Optimiser

__all__ = ["OneCycleConfig", "train_net"]


@dataclass(frozen=True, slots=True)
class OneCycleConfig:
    """Options of the training.

    Attributes:
        n_epochs: Number of epochs; fewer if time is short.
        batch_size: Rows per step.
        patience: Epochs without a better score after which training stops; None for never.
        end: Share of the schedule after which training ends in any case.
        clip_norm: Largest norm of the gradient.
        stop_at: Value of ``clock`` by which training must end; None without a limit.
        clock: Returns the time in seconds.
    """

    n_epochs: int
    batch_size: int
    patience: int | None
    end: float
    clip_norm: float
    stop_at: float | None
    clock: Callable[[], float] = time.monotonic


def train_net(
    net: nn.Module,
    optimiser: Optimiser,
    n_rows: int,
    loss: Callable[[Tensor, int], Tensor],
    evaluate: Callable[[int, float], float],
    options: OneCycleConfig,
    generator: torch.Generator,
    log: EpochLog | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Trains a net in place and leaves it with its best weights, in evaluation mode.

    If the GPU runs out of memory, batches are split into halves or quarters, whose gradients are
    summed.

    Args:
        net: The net to train.
        optimiser: Optimiser of its weights, with the highest rates of the cycle.
        n_rows: Training rows.
        loss: ``(row numbers of a batch, epoch from 0) -> scalar``.
        evaluate: Called with the number of the epoch, from 1, and the share of the schedule done;
            returns the validation loss. Its exceptions, such as ``TrialPruned``, are not caught.
        options: Options of the training.
        generator: Generator of the order of rows, on the CPU.
        log: Log of the stages that ``evaluate`` adds; None without stages.
        checkpoint: Stores the state; training continues from it if it has one.
    """
    training = _NetTraining(net, optimiser, n_rows, loss, evaluate, options, generator, log)
    train(training, options.n_epochs, options.stop_at, checkpoint, options.clock)


class _NetTraining:
    """Adapts one net to the training loop."""

    def __init__(
        self,
        net: nn.Module,
        optimiser: Optimiser,
        n_rows: int,
        loss: Callable[[Tensor, int], Tensor],
        evaluate: Callable[[int, float], float],
        options: OneCycleConfig,
        generator: torch.Generator,
        log: EpochLog | None,
    ) -> None:
        self.net, self.optimiser, self.n_rows = net, optimiser, n_rows
        self.loss, self.validate, self.log = loss, evaluate, log
        self.clip_norm, self.generator = options.clip_norm, generator
        self.batch_size = min(options.batch_size, n_rows)
        self.steps_per_epoch = n_rows // self.batch_size
        self.course, self.end, self.is_done = EarlyStopping(options.patience), options.end, False
        self.best_weights = _copy(net)
        self.parts = MicroBatching()

    @property
    def n_going(self) -> int:
        return 0 if self.is_done or self.course.is_over else 1

    @property
    def is_worth_keeping(self) -> bool:
        return True

    def batches(self) -> Iterator[Tensor]:
        """Row numbers, without an incomplete last batch."""
        self.net.train()
        order = torch.randperm(self.n_rows, generator=self.generator)
        return iter(torch.split(order[: self.steps_per_epoch * self.batch_size], self.batch_size))

    def step(self, batch: Tensor, progress: float) -> None:
        self.parts.run(lambda n_parts: self._accumulate(batch, n_parts))
        nn.utils.clip_grad_norm_(self.net.parameters(), self.clip_norm)
        self.optimiser.step(SCHEDULES["one_cycle"](progress))

    def _accumulate(self, batch: Tensor, n_parts: int) -> None:
        """Computes the gradient of a batch, split into ``n_parts``."""
        self.optimiser.forget_gradients()
        for part in batch.chunk(n_parts):
            share = len(part) / len(batch)  # the loss of a part is its mean over rows
            loss = share * self.loss(part, self.course.n_epochs)
            loss.backward()  # type: ignore[no-untyped-call]

    def evaluate(self, epoch: int, progress: float) -> None:
        self.net.eval()
        if self.course.note(epoch, self.validate(epoch, progress)):
            self.best_weights = _copy(self.net)
        self.is_done = progress >= self.end

    def finish(self) -> None:
        if self.log is not None:
            self.log.close()  # before the weights of the last epoch are replaced
        self.net.load_state_dict(self.best_weights)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {
            **{f"net.{name}": tensor for name, tensor in self.net.state_dict().items()},
            **{f"best.{name}": tensor for name, tensor in self.best_weights.items()},
            **{f"moment.{name}": tensor for name, tensor in self.optimiser.tensors.items()},
            "order": self.generator.get_state(),
            "draws": torch.get_rng_state(),
            **{f"draws.{k}": state for k, state in enumerate(_cuda_states())},
        }
        facts: dict[str, Any] = {"course": self.course.facts}
        if self.log is not None:
            logged, facts["log"] = self.log.state()
            if logged is not None:
                tensors["log"] = torch.from_numpy(logged)
        return tensors, facts

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        own = self.net.state_dict()
        self.net.load_state_dict({name: tensors[f"net.{name}"] for name in own})
        self.optimiser.restore({n.removeprefix("moment."): t for n, t in tensors.items()})
        self.generator.set_state(tensors["order"])
        torch.set_rng_state(tensors["draws"])
        for k in range(len(_cuda_states())):
            torch.cuda.set_rng_state(tensors[f"draws.{k}"], k)
        self.best_weights = {n: tensors[f"best.{n}"].to(own[n].device) for n in own}
        self.course.restore(facts["course"])
        if self.log is not None:
            logged = tensors.get("log")
            self.log.restore(None if logged is None else logged.numpy(), facts["log"])


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def _cuda_states() -> list[Tensor]:
    is_there = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state_all() if is_there else []
