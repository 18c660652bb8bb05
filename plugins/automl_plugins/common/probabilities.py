"""Computes class probabilities from the outputs of models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["softmax", "with_all_classes"]


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    """Softmax of each row, ``(n_rows, n_classes)``, in the precision of the scores.

    Example:
        >>> softmax(np.array([[0.0, 0.0], [800.0, 0.0]])).tolist()
        [[0.5, 0.5], [1.0, 0.0]]
    """
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def with_all_classes(
    probabilities: NDArray[Any], classes: NDArray[Any], n_classes: int
) -> NDArray[np.float64]:
    """Expands probabilities of the classes seen in training to ``(n_rows, n_classes)``.

    Unseen classes get probability 0.

    Example:
        >>> with_all_classes(np.array([[0.3, 0.7]]), np.array([0, 2]), 3).tolist()
        [[0.3, 0.0, 0.7]]
    """
    full = np.zeros((len(probabilities), n_classes))
    full[:, np.asarray(classes, dtype=np.int64)] = probabilities
    return full
