"""One net of a pack in training: its evaluation and its best epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from automl_plugins.torch.core.early_stopping import EarlyStopping
from automl_plugins.torch.core.validation import EpochLog
from automl_plugins.torch.tabular.nets.net import TabularNet
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.train_config import TrainConfig

__all__ = ["PackedNet"]


@dataclass(slots=True, eq=False)
class PackedNet:
    """One net of a pack in training.

    Attributes:
            recipe: Training options of the net.
        judge: Called with the number of the epoch, from 1, the share of the schedule done, and the
            outputs ``(n_rows, ...)`` for its validation rows; returns the validation loss. Its
            exceptions, such as ``TrialPruned``, end only this member.
        seed: Seed of the order of its rows.
        log: Log of the stages that ``judge`` adds; None without stages.
        net: Net with the weights of its best epoch, on the CPU; None before the end.
        early_stopping: Epochs and their validation losses.
        failure: Exception of ``judge``, or the error that no epoch had finite outputs.
    """

    config: TrainConfig
    judge: Callable[[int, float, Tensor], float]
    seed: int
    log: EpochLog | None = None
    net: TabularNet | None = None
    failure: Exception | None = None
    early_stopping: EarlyStopping = field(init=False)
    _best: Tensor | None = None

    def __post_init__(self) -> None:
        self.early_stopping = EarlyStopping(self.config.patience)

    def evaluate(self, epoch: int, progress: float, output: Tensor, weights: Tensor) -> bool:
        """Scores an epoch and keeps its weights if it is the best; returns False to stop.

        Args:
            epoch: Number of the epoch, from 1.
            progress: Share of the schedule done.
            output: Outputs for the validation rows.
            weights: Weights of the member, ``(n_weights,)``.
        """
        self.early_stopping.n_epochs = epoch
        if not torch.isfinite(output).all():
            if self._best is None:
                self.failure = FloatingPointError(f"epoch {epoch} gave NaN or infinite outputs")
            return False
        try:
            loss = self.judge(epoch, progress, output)
        except Exception as error:  # ends this member only
            self.failure = error
            return False
        if self.early_stopping.note(epoch, loss):
            self._best = weights.clone()
        return not self.early_stopping.is_over and progress < self.config.end

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Weights of its best epoch, ``(n_weights,)``, and its logged predictions, if any.

        The second value has JSON values of its course and its log.
        """
        tensors = {} if self._best is None else {"best": self._best}
        facts: dict[str, Any] = {"course": self.early_stopping.facts}
        if self.log is not None:
            logged, facts["log"] = self.log.state()
            if logged is not None:
                tensors["log"] = torch.from_numpy(logged)
        return tensors, facts

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Restores the member from ``state``."""
        self._best = tensors.get("best")
        self.early_stopping.restore(facts["course"])
        if self.log is not None:
            logged = tensors.get("log")
            self.log.restore(None if logged is None else logged.numpy(), facts["log"])

    def settle(self, pack: Pack, place: int) -> None:
        """Takes the net of its best epoch out of the pack."""
        if self._best is not None and self.failure is None:
            self.net = pack.member(place, self._best)
