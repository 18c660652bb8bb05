"""What nets are to give: targets and losses for training, predictions from their outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automl.plugin import Fold, TrialContext
from automl_plugins.torch.core.losses import Loss, cross_entropy, pinball, squared_error

__all__ = [
    "OutputScale",
    "loss_of",
    "n_outputs_of",
    "rescaled",
    "scale_of",
    "target_of",
    "to_prediction",
    "weight_of",
]

_RANGE_MARGIN = 0.01  # predictions may leave the range of the training target by so much of it


@dataclass(frozen=True, slots=True)
class OutputScale:
    """How standardised outputs of a regression become values.

    Attributes:
        centre, factor: Mean and standard deviation of the training target.
        low, high: Predictions are kept between these.
        is_quantile: Whether each output is a quantile, and not the one output the value.
    """

    centre: float
    factor: float
    low: float
    high: float
    is_quantile: bool = False


def n_outputs_of(context: TrialContext) -> int:
    """One for each class or quantile; one for a value."""
    return context.shape.n_classes or len(context.shape.quantiles) or 1


def loss_of(context: TrialContext) -> Loss:
    """What training makes small."""
    if context.task.is_classification:
        return cross_entropy
    return pinball(context.shape.quantiles) if context.shape.quantiles else squared_error


def scale_of(fold: Fold, context: TrialContext) -> OutputScale | None:
    """The scale of the training target; None for classification."""
    if context.task.is_classification:
        return None
    y, is_quantile = fold.y_train, bool(context.shape.quantiles)
    low, high, factor = float(y.min()), float(y.max()), float(y.std())
    margin = _RANGE_MARGIN * (high - low)
    return OutputScale(float(y.mean()), factor or 1.0, low - margin, high + margin, is_quantile)


def target_of(fold: Fold, scale: OutputScale | None, device: torch.device) -> Tensor:
    """Class indices (int64), or the standardised target (float32), ``(n_rows,)``."""
    if scale is None:
        return torch.from_numpy(np.array(fold.y_train, dtype=np.int64)).to(device)
    standardised = (fold.y_train - scale.centre) / scale.factor
    return torch.from_numpy(standardised.astype(np.float32)).to(device)


def weight_of(fold: Fold, device: torch.device) -> Tensor | None:
    """Weights of mean 1, ``(n_rows,)``: the size of a step does not depend on their unit."""
    if fold.weight_train is None:
        return None
    weight = fold.weight_train / fold.weight_train.mean()
    return torch.from_numpy(weight.astype(np.float32)).to(device)


def to_prediction(output: Tensor, scale: OutputScale | None) -> NDArray[np.float64]:
    """Probabilities ``(n_rows, n_classes)``; where ``scale`` is given, values or quantiles.

    Args:
        output: Of a net, ``(n_rows, n_outputs)``; of ``k`` nets, whose predictions are averaged,
            ``(n_rows, k, n_outputs)``.
        scale: For regression.
    """
    # In double precision probabilities add up to 1 as closely as anybody checks.
    each = output.double() if scale else output.double().softmax(-1)
    return rescaled(each if each.dim() == 2 else each.mean(dim=1), scale)


def rescaled(output: Tensor, scale: OutputScale | None) -> NDArray[np.float64]:
    """Probabilities as they are; where ``scale`` is given, standardised outputs as values.

    Args:
        output: ``(n_rows, n_outputs)``, in double precision.
        scale: For regression.

    Returns:
        ``(n_rows, n_outputs)``, or ``(n_rows,)`` for plain values.
    """
    array: NDArray[np.float64] = output.cpu().numpy()
    if scale is None:
        return array
    values = array if scale.is_quantile else array[:, 0]
    return np.clip(values * scale.factor + scale.centre, scale.low, scale.high)
