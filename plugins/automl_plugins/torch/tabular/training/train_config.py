"""Training options that may differ between the members of a pack."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

__all__ = ["TrainConfig", "is_matrix"]

_BIAS_FACTOR = 0.1  # of the learning rate, as in RealMLP's parametrisation
_SLOPE_FACTOR = 0.1


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Training options of a member.

    Attributes:
        lr: Learning rate; with ``by_inputs`` that of layers with one input.
        weight_decay: Decoupled weight decay, multiplied by ``lr``.
        by_inputs: True if a layer of n inputs uses ``lr / sqrt(n)``, so that one rate fits all
            widths. For Adam this is the NTK parametrisation without its products.
        first_lr, scale_lr, embedding_lr: Factors of the rate for the first layer, the learnt scale
            of the inputs and the embeddings of numbers.
        second_moment: Decay of Adam's mean of squares.
        schedule: Schedule of the rate, a key of ``SCHEDULES``.
        eases: True if dropout and weight decay fall with the schedule ``flat_cos``.
        patience: Epochs without a better score after which training stops.
        end: Share of the schedule after which training ends in any case.
        label_smoothing: Share of the target that is spread over all classes.
        clip_norm: Largest norm of the gradient; None for no limit.
        average_epochs: Epochs of the moving average of the weights; 0 for none.
    """

    lr: float
    weight_decay: float = 0.0
    by_inputs: bool = False
    first_lr: float = 1.0
    scale_lr: float = 1.0
    embedding_lr: float = 1.0
    second_moment: float = 0.999
    schedule: str = "constant"
    eases: bool = False
    patience: int | None = None
    end: float = math.inf
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    average_epochs: float = 0.0

    def rate_and_decay(self, name: str, weight: Tensor) -> tuple[float, float]:
        """Learning rate of a weight, and its decay in a step at full rate.

        Factors are those of RealMLP (arXiv 2407.04491, table A.1). Only matrices and embeddings of
        categories decay, not scales and biases.

        Args:
            name: Name of the weight in the net.
            weight: The weight, with the members along its first axis.
        """
        owner, kind = name.split(".", 1)[0], name.rsplit(".", 1)[-1]
        if owner == "factors":
            return self.scale_lr * self.lr, 0.0
        if owner == "embedding":
            return self.embedding_lr * self.lr, 0.0
        if kind == "slope":
            return _SLOPE_FACTOR * self.lr, 0.0
        if kind == "bias":
            return (_BIAS_FACTOR if self.by_inputs else 1.0) * self.lr, 0.0
        if kind in ("factor", "input_factor", "output_factor"):
            return self.lr, 0.0
        shrink = weight.shape[-2] ** -0.5 if self.by_inputs and owner == "body" else 1.0
        first = self.first_lr if name.startswith(("body.hidden.0.", "body.first.")) else 1.0
        return first * shrink * self.lr, self.weight_decay * self.lr


def is_matrix(name: str) -> bool:
    """True for the matrix of a hidden layer."""
    owner, *layer, kind = name.split(".")
    return owner == "body" and kind == "weight" and layer[0] != "output"
