"""What a net is to give: targets and losses for training, predictions from its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from automl.plugin import Fold, TrialContext

__all__ = ["Goal", "OutputScale", "goal_of", "prediction_of"]

_RANGE_MARGIN = 0.01  # predictions may leave the range of the training target by so much of it


@dataclass(frozen=True, slots=True)
class OutputScale:
    """How the standardised output of a regression becomes a value.

    Attributes:
        centre, factor: Mean and standard deviation of the training target.
        low, high: Predictions are kept between these.
    """

    centre: float
    factor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Goal:
    """What the outputs of a net are compared with.

    Attributes:
        target: Class indices (int64) or standardised values (float32), ``(n_rows,)``.
        weight: Row weights of mean 1, ``(n_rows,)``, or None.
        scale: For regression; None for classification.
        label_smoothing: Share of a class that is spread over all.
    """

    target: Tensor
    weight: Tensor | None
    scale: OutputScale | None
    label_smoothing: float

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Cross-entropy or squared error, the mean over the rows of a batch.

        Args:
            output: Of the net, ``(n_batch, n_outputs)``.
            rows: Numbers of these rows among the training rows, ``(n_batch,)``.
        """
        target = self.target[rows]
        if self.scale is None:
            each = functional.cross_entropy(
                output, target, reduction="none", label_smoothing=self.label_smoothing
            )
        else:
            each = (output[:, 0] - target) ** 2
        if self.weight is None:
            return each.mean()
        weight = self.weight[rows]
        return (each * weight).sum() / weight.sum()


def goal_of(
    fold: Fold, context: TrialContext, label_smoothing: float, device: torch.device
) -> Goal:
    """The goal of a fit, on its device."""
    scale = None
    if context.task.is_classification:
        target = torch.from_numpy(np.array(fold.y_train, dtype=np.int64))
    else:
        y = fold.y_train
        low, high, factor = float(y.min()), float(y.max()), float(y.std()) or 1.0
        margin = _RANGE_MARGIN * (high - low)
        scale = OutputScale(float(y.mean()), factor, low - margin, high + margin)
        target = torch.from_numpy(((y - scale.centre) / factor).astype(np.float32))
    weight = None
    if fold.weight_train is not None:
        relative = fold.weight_train / fold.weight_train.mean()
        weight = torch.from_numpy(relative.astype(np.float32)).to(device)
    return Goal(target.to(device), weight, scale, label_smoothing)


def prediction_of(output: Tensor, scale: OutputScale | None) -> NDArray[np.float64]:
    """Values ``(n_rows,)`` where there is a scale, else the outputs: they are probabilities."""
    array: NDArray[Any] = output.cpu().numpy()
    if scale is None:
        return array
    return np.clip(array[:, 0] * scale.factor + scale.centre, scale.low, scale.high)
