"""The training loop of nets that read rows batch by batch: one cycle of the learning rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from automl.plugin import TrialContext

__all__ = ["CycleOptions", "Plan", "stop_at", "train"]

_LIMIT_SHARE = 0.93  # of the time limit is for training; the rest for what comes after it
_DEADLINE_SHARE = 0.85  # of the time to the deadline: a worker killed there loses the fit
_WARM_UP = 0.2  # of the steps, in which the learning rate rises
_FIRST_RATE = 0.05  # of the highest
_UNTIMED_STEPS = 2  # the first steps allocate memory and say nothing of the others


@dataclass(frozen=True, slots=True)
class CycleOptions:
    """How a net is trained.

    Attributes:
        n_epochs: Epochs, fewer where the time does not allow them.
        batch_size: Rows of a step.
        patience: Epochs without a better score after which training stops.
        clip_norm: Gradients are clipped to this norm.
        stop_at: ``time.monotonic()`` at which it must be over; None without a clock.
    """

    n_epochs: int
    batch_size: int
    patience: int
    clip_norm: float
    stop_at: float | None


def stop_at(context: TrialContext) -> float | None:
    """``time.monotonic()`` at which training should be over, or None."""
    seconds = _DEADLINE_SHARE * context.time_left_s
    if context.time_limit_s is not None:
        seconds = min(seconds, _LIMIT_SHARE * context.time_limit_s)
    return None if math.isinf(seconds) else time.monotonic() + seconds


@dataclass(slots=True)
class Plan:
    """How many steps there will be: all, or those for which there is time.

    A fit that has time enough does not depend on the clock.

    Attributes:
        n_steps: Steps of the present plan.
        steps_per_epoch: Steps between two evaluations.
        stop_at: As in ``CycleOptions``.
        clock: Tells the time.
        step: Steps that are done.
    """

    n_steps: int
    steps_per_epoch: int
    stop_at: float | None
    clock: Callable[[], float] = time.monotonic
    step: int = field(init=False, default=0)
    _last: float = field(init=False)
    _training_s: float = field(init=False, default=0.0)
    _evaluation_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._last = self.clock()

    @property
    def rate(self) -> float:
        """Factor of the learning rate: up to 1 in a straight line, and down to 0."""
        progress = self.step / self.n_steps
        if progress < _WARM_UP:
            return _FIRST_RATE + (1 - _FIRST_RATE) * progress / _WARM_UP
        return max(0.0, (1 - progress) / (1 - _WARM_UP))

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or the time is."""
        return self.step >= self.n_steps or self._left_s() <= self._evaluation_s

    def step_done(self) -> None:
        """Notes the time of a step."""
        now = self.clock()
        if self.step >= _UNTIMED_STEPS:
            self._training_s += now - self._last
        self._last = now
        self.step += 1
        if self.step - _UNTIMED_STEPS in (4, 16, 64):
            self._shorten()

    def evaluation_done(self) -> None:
        """Notes the time of an evaluation."""
        now = self.clock()
        self._evaluation_s, self._last = now - self._last, now
        self._shorten()

    def _left_s(self) -> float:
        return math.inf if self.stop_at is None else self.stop_at - self.clock()

    def _shorten(self) -> None:
        n_timed, left_s = self.step - _UNTIMED_STEPS, self._left_s()
        if n_timed <= 0 or math.isinf(left_s):
            return
        step_s = self._training_s / n_timed + self._evaluation_s / self.steps_per_epoch
        fitting = int(max(0.0, left_s - self._evaluation_s) / max(step_s, 1e-9))
        self.n_steps = max(1, self.step, min(self.n_steps, self.step + fitting))


def train(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    n_rows: int,
    loss: Callable[[Tensor, int], Tensor],
    evaluate: Callable[[int], float],
    options: CycleOptions,
    generator: torch.Generator,
) -> None:
    """Trains a net in place and leaves it with its best weights, in evaluation mode.

    Args:
        net: What is trained.
        optimiser: Over its weights; their ``lr`` is the highest of the cycle.
        n_rows: Training rows.
        loss: ``(row numbers of a batch, epoch from 0) -> scalar``.
        evaluate: Called with the number of the epoch, from 1; returns the validation loss. What it
            raises, such as ``TrialPruned``, passes.
        options: How to train.
        generator: Of the order of rows, on the CPU.
    """
    size = min(options.batch_size, n_rows)
    steps_per_epoch = max(1, n_rows // size)
    plan = Plan(options.n_epochs * steps_per_epoch, steps_per_epoch, options.stop_at)
    rates = [group["lr"] for group in optimiser.param_groups]
    best_loss, best_weights = math.inf, _copy(net)
    epoch = last_gain = 0
    while epoch == 0 or not (plan.is_over or epoch - last_gain > options.patience):
        net.train()
        order = torch.randperm(n_rows, generator=generator)
        for start in range(0, steps_per_epoch * size, size):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * plan.rate
            optimiser.zero_grad(set_to_none=True)
            loss(order[start : start + size], epoch).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), options.clip_norm)
            optimiser.step()
            plan.step_done()
            if plan.is_over:
                break
        net.eval()
        epoch += 1
        value = evaluate(epoch)
        plan.evaluation_done()
        last_gain = epoch if value < best_loss else last_gain
        # Of equal epochs the later one has seen more: coarse metrics have many of them.
        if value <= best_loss or epoch == 1:
            best_loss, best_weights = min(best_loss, value), _copy(net)
    net.load_state_dict(best_weights)


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
