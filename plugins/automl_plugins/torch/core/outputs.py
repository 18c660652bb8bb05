"""Targets and losses for training, and predictions from the outputs of nets."""

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

_RANGE_MARGIN = 0.01  # predictions may exceed the range of the target by this share of it


@dataclass(frozen=True, slots=True)
class OutputScale:
    """Scale of the standardised outputs of a regression.

    Attributes:
        centre, factor: Mean and standard deviation of the training target.
        low, high: Bounds of predictions.
        is_quantile: True if each output is a quantile; else the only output is the value.
    """

    centre: float
    factor: float
    low: float
    high: float
    is_quantile: bool = False


def n_outputs_of(context: TrialContext) -> int:
    """Number of classes or quantile levels; 1 for a value."""
    return context.problem.n_classes or len(context.problem.quantiles) or 1


def loss_of(context: TrialContext) -> Loss:
    """The training loss."""
    if context.task.is_classification:
        return cross_entropy
    return pinball(context.problem.quantiles) if context.problem.quantiles else squared_error


def scale_of(fold: Fold, context: TrialContext) -> OutputScale | None:
    """The scale of the training target; None for classification."""
    if context.task.is_classification:
        return None
    y, is_quantile = fold.y_train, bool(context.problem.quantiles)
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
    """Weights of mean 1, ``(n_rows,)``, so that step sizes do not depend on their unit."""
    if fold.weight_train is None:
        return None
    weight = fold.weight_train / fold.weight_train.mean()
    return torch.from_numpy(weight.astype(np.float32)).to(device)


def to_prediction(output: Tensor, scale: OutputScale | None) -> NDArray[np.float64]:
    """Probabilities ``(n_rows, n_classes)``, or with ``scale`` values or quantiles.

    Args:
        output: Outputs of a net, ``(n_rows, n_outputs)``, or of ``k`` nets to average,
            ``(n_rows, k, n_outputs)``.
        scale: Scale of a regression, or None.
    """
    # In double precision probabilities add up to 1 closely enough for checks.
    each = output.double() if scale else output.double().softmax(-1)
    return rescaled(each if each.dim() == 2 else each.mean(dim=1), scale)


def rescaled(output: Tensor, scale: OutputScale | None) -> NDArray[np.float64]:
    """Unchanged probabilities, or with ``scale`` standardised outputs converted to values.

    Args:
        output: ``(n_rows, n_outputs)``, in double precision.
        scale: Scale of a regression, or None.

    Returns:
        ``(n_rows, n_outputs)``, or ``(n_rows,)`` for plain values.
    """
    array: NDArray[np.float64] = output.cpu().numpy()
    if scale is None:
        return array
    values = array if scale.is_quantile else array[:, 0]
    return np.clip(values * scale.factor + scale.centre, scale.low, scale.high)
