"""Subtracts an offset from targets that lie far from 0, before families see them.

Libraries hold targets, gradients and leaves in single precision, where the number after
1,000,000,000 is 1,000,000,064.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.table import Dataset

__all__ = ["FAR", "less_offset", "target_offset"]

FAR = 1_000.0
"""Largest distance from 0, in standard deviations, at which single precision is exact enough."""


def target_offset(y: NDArray[Any]) -> float:
    """The offset of the targets of a run: their lower median, or 0 if they need none.

    It is one of the targets, so that whole numbers stay whole and differences are exact.

    Args:
        y: Values of the rows, ``(n_rows,)``.
    """
    middle = float(np.partition(y, (len(y) - 1) // 2)[(len(y) - 1) // 2])
    spread = float(np.std(y - middle))
    return middle if abs(middle) > FAR * spread > 0 else 0.0


def less_offset(dataset: Dataset) -> Dataset:
    """The data set as families see it: the offset, if any, is subtracted from the targets."""
    offset = dataset.target.offset
    return replace(dataset, y=dataset.y - offset) if offset else dataset
