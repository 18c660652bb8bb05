"""Search space of training and augmentation that all nets for images share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automl.plugin import ProblemInfo, Suggest

__all__ = ["default_changes", "suggest_image_training"]


def suggest_image_training(
    suggest: Suggest, batch_sizes: Sequence[int], rates: tuple[float, float]
) -> dict[str, Any]:
    """Suggests dropout, epochs, batch size, rates and augmentation.

    Args:
        suggest: Suggests params.
        batch_sizes: Batch sizes to choose from.
        rates: Lowest and highest learning rate.
    """
    real, one_of = suggest.suggest_float, suggest.suggest_categorical
    return {
        "dropout": real("dropout", 0.0, 0.5),
        "epochs": suggest.suggest_int("epochs", 6, 96, log=True),
        "batch_size": one_of("batch_size", batch_sizes),
        "lr": real("lr", *rates, log=True),
        "weight_decay": real("weight_decay", 1e-3, 0.3, log=True),
        "label_smoothing": one_of("label_smoothing", [0.0, 0.1, 0.2]),
        "flip": one_of("flip", [False, True]),
        "shift": real("shift", 0.0, 0.2),
        "rotate": real("rotate", 0.0, 30.0),
        "zoom": real("zoom", 0.0, 0.3),
        "contrast": real("contrast", 0.0, 0.4),
        "cutout": real("cutout", 0.0, 0.5),
        "views": one_of("views", [False, True]),
    }


def default_changes(problem: ProblemInfo) -> dict[str, Any]:
    """Default augmentation, and training params that do not depend on the net."""
    return {
        "dropout": 0.1,
        "weight_decay": 0.05,
        "label_smoothing": 0.1 if problem.metric.needs == "labels" else 0.0,
        "flip": not _is_grey(problem),
        "shift": 0.08,
        "rotate": 8.0,
        "zoom": 0.1,
        "contrast": 0.0 if _is_grey(problem) else 0.1,
        "cutout": 0.0,
    }


def _is_grey(problem: ProblemInfo) -> bool:
    """True if all images are grey.

    Grey images are often digits, letters or scans, which change their meaning when mirrored.
    """
    return all(channels == 1 for _, _, channels in problem.images)
