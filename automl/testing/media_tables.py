"""Converts columns of numbers to images, sequences and texts, for tests of families."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE", "images_from", "sequences_from", "texts_from"]

SIDE = 12
"""Width and smallest height of an image in pixels."""

SHORTEST, LONGEST = 6, 12
"""Range of the number of steps of a sequence."""

SIZES = np.array(["tiny", "small", "medium", "large", "huge"])
"""Words for numbers, from the lowest fifth of a column to the highest."""


def images_from(columns: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Returns grey images with a patterned band for each column.

    The larger the number, the brighter the band; a missing one is black.

    Args:
        columns: ``(n_rows, n_columns)``; may hold NaN.

    Returns:
        ``(n_rows, max(SIDE, n_columns), SIDE, 1)``.
    """
    n_columns = columns.shape[1]
    height = max(SIDE, n_columns)
    band = np.arange(height) * n_columns // height
    stripes = np.cos(np.pi * np.arange(SIDE) * (1 + np.arange(n_columns)[:, np.newaxis]) / SIDE)
    brightness = np.nan_to_num(255.0 / (1.0 + np.exp(-_standard(columns))))
    images = brightness[:, band, np.newaxis] * (0.75 + 0.25 * stripes[band])
    return np.asarray(images[..., np.newaxis], dtype=np.uint8)


def sequences_from(columns: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Returns sequences of unequal lengths, with a channel that oscillates about each number.

    Args:
        columns: ``(n_rows, n_columns)``; may hold NaN.

    Returns:
        Steps ``(n_steps, n_columns)`` and offsets ``(n_rows + 1,)``, as in ``Sequences``.
    """
    lengths = SHORTEST + np.arange(len(columns)) * 5 % (LONGEST - SHORTEST + 1)
    offsets = np.concatenate(([0], lengths.cumsum()))
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    sway = 0.1 * np.sin(place[:, np.newaxis] + np.arange(columns.shape[1]))
    steps = np.repeat(_standard(columns), lengths, axis=0) + sway
    return steps.astype(np.float32), offsets


def texts_from(columns: NDArray[np.float64]) -> list[str]:
    """Returns texts with a word for each number, in the order of the columns.

    Missing numbers are omitted; if all are missing, the text is empty.

    Args:
        columns: ``(n_rows, n_columns)``; may hold NaN.
    """
    place = _standard(columns)
    fifth = np.digitize(np.nan_to_num(place), [-0.84, -0.25, 0.25, 0.84])
    return [
        " ".join(
            f"{SIZES[size]}{column}"
            for column, (size, missing) in enumerate(zip(sizes, gone, strict=True))
            if not missing
        )
        for sizes, gone in zip(fifth, np.isnan(place), strict=True)
    ]


def _standard(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    centre, spread = np.nanmean(columns, axis=0), np.nanstd(columns, axis=0)
    return np.asarray((columns - centre) / np.where(spread > 0, spread, 1.0))
