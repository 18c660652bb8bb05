"""Holds the encoders of many numbers as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays
from automl.data.encode.columns.numeric import NumberEncoder, NumericMode
from automl.data.table import BoolArray, FloatArray, IntArray

__all__ = ["MODES", "NumberColumns"]

MODES: tuple[NumericMode, ...] = ("raw", "standard", "quantile")
"""Files store positions in this tuple: append new modes at the end."""
NONE = np.empty(0)


@dataclass(frozen=True, slots=True)
class NumberColumns:
    """``n`` encoders of numbers (``NumberEncoder``) as arrays.

    Attributes:
        mode: Position in ``MODES``, ``(n,)``.
        has_value, has_indicator: Columns that each encoder writes, ``(n,)``.
        fill: Replacement for missing values, ``(n,)``.
        shift, scale: ``raw`` and ``standard``: subtrahend and divisor, ``(n,)``; 0 and 1 for
            others.
        starts, lengths: ``quantile``: start and number of each encoder's levels, ``(n,)``.
        score_starts: Start of its scores, ``(n,)``. Encoders without ties share scores.
        levels, scores: Levels and scores of all encoders, concatenated.
    """

    mode: NDArray[np.uint8]
    has_value: BoolArray
    has_indicator: BoolArray
    fill: FloatArray
    shift: FloatArray
    scale: FloatArray
    starts: IntArray
    lengths: IntArray
    score_starts: IntArray
    levels: FloatArray
    scores: FloatArray

    @classmethod
    def of(cls, encoders: Sequence[NumberEncoder]) -> NumberColumns:
        """Copies encoders into arrays."""
        by_quantile = [e if e.mode == "quantile" else None for e in encoders]
        others = [None if e.mode == "quantile" else e for e in encoders]
        levels = [e.levels if e else NONE for e in by_quantile]
        lengths = np.array([len(values) for values in levels], dtype=np.int64)
        scores: list[FloatArray] = []
        place_of: dict[bytes, int] = {}
        score_starts, n_scores = [], 0
        for encoder in by_quantile:
            own = encoder.scores if encoder else NONE
            start = place_of.setdefault(own.tobytes(), n_scores)
            score_starts.append(start)
            if start == n_scores and len(own):
                scores.append(own)
                n_scores += len(own)
        return cls(
            mode=np.array([MODES.index(e.mode) for e in encoders], dtype=np.uint8),
            has_value=np.array([e.has_value for e in encoders], dtype=np.bool_),
            has_indicator=np.array([e.has_indicator for e in encoders], dtype=np.bool_),
            fill=np.array([e.fill for e in encoders], dtype=np.float64),
            shift=_firsts([e.levels if e else NONE for e in others], 0.0),
            scale=_firsts([e.scores if e else NONE for e in others], 1.0),
            starts=np.cumsum(lengths) - lengths,
            lengths=lengths,
            score_starts=np.array(score_starts, dtype=np.int64),
            levels=np.concatenate([NONE, *levels]),
            scores=np.concatenate([NONE, *scores]),
        )

    def __len__(self) -> int:
        return len(self.mode)

    @property
    def widths(self) -> IntArray:
        """Number of columns that each encoder writes, ``(n,)``."""
        return self.has_value.astype(np.int64) + self.has_indicator

    def encoder(self, place: int, name: str) -> NumberEncoder:
        """One encoder, whose arrays are slices of these."""
        mode, has_value = MODES[self.mode[place]], bool(self.has_value[place])
        levels = scores = NONE
        if mode == "quantile":
            first, n_levels = self.starts[place], self.lengths[place]
            levels = self.levels[first : first + n_levels]
            first = self.score_starts[place]
            scores = self.scores[first : first + n_levels]
        elif mode == "standard" and has_value:
            levels, scores = self.shift[place : place + 1], self.scale[place : place + 1]
        elif self.shift[place]:
            levels = self.shift[place : place + 1]
        has_indicator, fill = bool(self.has_indicator[place]), float(self.fill[place])
        return NumberEncoder(name, mode, has_value, has_indicator, fill, levels, scores)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the arrays for ``from_arrays``."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> NumberColumns:
        """Builds the encoders from the result of ``arrays``, without copying.

        Raises:
            KeyError: An array is missing.
            ValueError: The arrays do not fit each other.
        """
        columns = cls(**{field.name: arrays[field.name] for field in fields(cls)})
        one_each = (name for name in arrays if name not in ("levels", "scores"))
        if any(arrays[name].shape != columns.mode.shape for name in one_each):
            raise ValueError("arrays of numbers differ in length")
        if len(columns) and columns.mode.max() >= len(MODES):
            raise ValueError(f"numbers have the unknown mode {columns.mode.max()}")
        _check_within(columns.starts, columns.lengths, len(columns.levels))
        _check_within(columns.score_starts, columns.lengths, len(columns.scores))
        return columns


def _firsts(arrays: Sequence[FloatArray], default: float) -> FloatArray:
    return np.array([a[0] if len(a) else default for a in arrays], dtype=np.float64)


def _check_within(starts: IntArray, lengths: IntArray, n_values: int) -> None:
    ends = (starts + lengths)[lengths > 0]
    if (lengths < 0).any() or (starts < 0).any() or ends.max(initial=0) > n_values:
        raise ValueError(f"levels of numbers lie beyond the {n_values} stored ones")
