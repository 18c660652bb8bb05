"""Predictions in the files of a trial: of the targets as they are, in as many digits as they need.

Families are shown targets far from 0 less an offset, and what they predict gets it back here.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from automl.store.files import write_array

__all__ = ["as_they_are", "write_predictions"]


def as_they_are(prediction: NDArray[Any], offset: float) -> NDArray[Any]:
    """A family's prediction with the offset of the targets; unchanged where that is 0.

    Args:
        prediction: Of any shape.
        offset: ``Target.offset`` of the run.
    """
    return np.asarray(prediction, dtype=np.float64) + offset if offset else prediction


def write_predictions(file: BinaryIO, prediction: NDArray[Any], offset: float) -> None:
    """Writes what a family predicts: in single precision, or with an offset in double.

    Args:
        file: Open for writing.
        prediction: As the family returned it.
        offset: ``Target.offset`` of the run.
    """
    dtype = np.float64 if offset else np.float32
    write_array(file, as_they_are(prediction, offset).astype(dtype))
