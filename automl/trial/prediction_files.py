"""Writes the predictions of a trial: in the units of the target, with as few digits as suffice.

Families see targets far from 0 minus an offset; it is added to their predictions here.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from automl.store.files import write_array

__all__ = ["as_they_are", "write_predictions"]


def as_they_are(prediction: NDArray[Any], offset: float) -> NDArray[Any]:
    """A family's prediction plus the offset of the targets; unchanged if that is 0.

    Args:
        prediction: Predictions of any shape.
        offset: ``Target.offset`` of the run.
    """
    return np.asarray(prediction, dtype=np.float64) + offset if offset else prediction


def write_predictions(file: BinaryIO, prediction: NDArray[Any], offset: float) -> None:
    """Writes a family's predictions: in single precision, or with an offset in double.

    Args:
        file: A file open for writing.
        prediction: The prediction as the family returned it.
        offset: ``Target.offset`` of the run.
    """
    dtype = np.float64 if offset else np.float32
    write_array(file, as_they_are(prediction, offset).astype(dtype))
