"""The number that families are shown the targets of a run less by, where these lie far from 0.

Libraries hold targets, gradients and leaves in single precision, which tells 1,000,000,000 from
1,000,000,064 and from nothing between.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.table import Dataset

__all__ = ["FAR", "less_offset", "target_offset"]

FAR = 1_000.0
"""Standard deviations from 0 up to which single precision leaves a target as good as it is."""


def target_offset(y: NDArray[Any]) -> float:
    """The offset of the targets of a run: their lower median, or 0 where they need none.

    It is one of the targets, so that whole numbers stay whole, and so near to the others that the
    difference is exact.

    Args:
        y: Values of the rows, ``(n_rows,)``.
    """
    middle = float(np.partition(y, (len(y) - 1) // 2)[(len(y) - 1) // 2])
    spread = float(np.std(y - middle))
    return middle if abs(middle) > FAR * spread > 0 else 0.0


def less_offset(dataset: Dataset) -> Dataset:
    """The data as families are shown them: targets less the offset, where there is one."""
    offset = dataset.target.offset
    return replace(dataset, y=dataset.y - offset) if offset else dataset
