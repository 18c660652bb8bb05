"""Encodes numbers: unchanged, standardized, or mapped to a normal distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.column_encoder import Arrays, ColumnEncoder, FittedColumn, State
from automl.data.table import FloatArray

__all__ = [
    "NumberEncoder",
    "NumericColumnEncoder",
    "NumericMode",
    "fit_numbers",
    "fit_numeric",
    "offset_of",
    "to_float64",
    "write_parts",
]

NumericMode: TypeAlias = Literal["raw", "standard", "quantile"]

FLOAT32_MAX = float(np.finfo(np.float32).max)
MAX_STANDARD = 10.0
"""Bound of standardized values, in standard deviations from the mean."""
MAX_NORMAL = 5.2
"""Bound of quantile-normal scores: the 1e-7 quantile."""
MAX_QUANTILES = 1000
OFFSET_SAMPLE, LEAST_TOLD = 10_000, 0.95
OUTLIER_IQRS = 10.0
"""Interquartile ranges beyond the quartiles at which outliers are clipped for mean and scale."""


@dataclass(frozen=True, slots=True)
class NumberEncoder:
    """Encodes one sequence of numbers.

    Attributes:
        name: Name of the value column; the indicator is ``<name>_is_missing``.
        mode: ``Encoding.numeric``.
        has_value: Whether there is a value column; a constant has none.
        has_indicator: Whether there is an indicator of missing values.
        fill: Replacement for missing values: the median of the training rows.
        levels, scores: ``quantile``: distinct values, ascending, and their normal scores.
            ``standard``: (mean,) and (standard deviation,). ``raw``: (offset,) to subtract if
            float32 could not distinguish the values otherwise, else empty; scores are empty.
    """

    name: str
    mode: NumericMode
    has_value: bool
    has_indicator: bool
    fill: float
    levels: FloatArray
    scores: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column written."""
        value = (self.name,) if self.has_value else ()
        return (*value, f"{self.name}_is_missing") if self.has_indicator else value

    def write(self, values: FloatArray, out: NDArray[np.float32]) -> None:
        """Encodes values ``(n_rows,)``, NaN where missing, into ``(n_rows, len(names))``."""
        if self.mode == "raw":
            out[:, 0] = values - self.levels[0] if len(self.levels) else values
            return
        missing = np.isnan(values)
        if self.has_value:
            filled = np.where(missing, self.fill, values)
            if self.mode == "quantile":
                out[:, 0] = np.interp(filled, self.levels, self.scores)
            else:
                scaled = (filled - self.levels[0]) / self.scores[0]
                out[:, 0] = np.clip(scaled, -MAX_STANDARD, MAX_STANDARD)
        if self.has_indicator:
            out[:, -1] = missing

    def state(self) -> State:
        """Returns JSON values and arrays for ``from_state``."""
        meta = {field.name: getattr(self, field.name) for field in fields(self)}
        return meta, {name: meta.pop(name) for name in ("levels", "scores")}

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Arrays) -> NumberEncoder:
        """Builds an equal encoder from the result of ``state``."""
        return cls(**meta, levels=arrays["levels"], scores=arrays["scores"])


@dataclass(frozen=True, slots=True)
class NumericColumnEncoder(ColumnEncoder):
    """Encodes a numeric or boolean column."""

    key: str
    encoder: NumberEncoder

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column of the block."""
        return self.encoder.names

    def write(self, values: pa.Array, out: NDArray[np.float32]) -> None:
        """Encodes an Arrow array of numbers."""
        self.encoder.write(to_float64(values), out)


def to_float64(values: pa.Array) -> FloatArray:
    """Converts Arrow numbers to float64; NaN where missing, infinite or too large for float32."""
    if not pa.types.is_float64(values.type):
        values = values.cast(pa.float64())
    array = np.asarray(values.to_numpy(zero_copy_only=False))
    sizes = np.abs(array)
    if np.fmax.reduce(sizes, initial=0.0) <= FLOAT32_MAX:  # fmax ignores NaN
        return array
    return np.where(sizes > FLOAT32_MAX, np.nan, array)


def write_parts(
    parts: Mapping[str, NumberEncoder],
    numbers_of: Callable[[str], FloatArray],
    out: NDArray[np.float32],
) -> None:
    """Encodes several parts of one column, side by side from the left of ``out``.

    Args:
        parts: Encoders by part name.
        numbers_of: Returns the numbers of a part, ``(n_rows,)``.
        out: ``(n_rows, n_columns)``, with at least as many columns as the parts write.
    """
    start = 0
    for part, encoder in parts.items():
        end = start + len(encoder.names)
        encoder.write(numbers_of(part), out[:, start:end])
        start = end


def fit_numeric(key: str, values: pa.Array, mode: NumericMode) -> FittedColumn | None:
    """Fits a numeric or boolean column on training rows; None if it is uninformative."""
    encoder = fit_numbers(key, to_float64(values), mode)
    if encoder is None:
        return None
    return FittedColumn(NumericColumnEncoder(key, encoder), float(len(encoder.names)))


def fit_numbers(
    name: str, values: FloatArray, mode: NumericMode, indicator: bool = True
) -> NumberEncoder | None:
    """Fits an encoder of numbers on the training rows.

    Row weights are not used: they weigh the loss, and this encoding does not depend on the target.

    Args:
        name: Name of the value column.
        values: Training values, NaN where missing, ``(n_rows,)``.
        mode: ``Encoding.numeric``.
        indicator: Whether to add an indicator of missing values; ignored by ``raw``.

    Returns:
        The encoder; None if all values are missing, or all are equal and none is missing.
    """
    missing = np.isnan(values)
    known = values[~missing] if missing.any() else values
    if len(known) == 0:
        return None
    is_constant = bool(known.min() == known.max())
    some_missing = len(known) < len(values)
    none = np.empty(0, dtype=np.float64)
    if mode == "raw":
        if is_constant and not some_missing:
            return None
        offset = offset_of(known)
        levels = np.array([offset]) if offset else none
        return NumberEncoder(name, mode, True, False, 0.0, levels, none)
    has_indicator = indicator and some_missing
    if is_constant:
        if not has_indicator:
            return None
        return NumberEncoder(name, mode, False, True, 0.0, none, none)
    fill = float(np.median(known))
    if mode == "quantile":
        levels, scores = _quantile_levels(known)
    else:
        levels, scores = _scale(known, len(values) - len(known), fill)
    return NumberEncoder(name, mode, True, has_indicator, fill, levels, scores)


def offset_of(known: FloatArray) -> float:
    """Offset to subtract from numbers that lie close together far from 0; 0.0 for others.

    float32 has 24 bits: it resolves milliseconds since 1970 only to two minutes.

    Args:
        known: The numbers, none missing, ``(n,)``.
    """
    if len(known) == 0:
        return 0.0
    sample = known[:: max(1, len(known) // OFFSET_SAMPLE)]
    middle = float(np.median(sample))
    n_told, n_moved = (len(np.unique(v.astype(np.float32))) for v in (sample, sample - middle))
    return middle if n_told < LEAST_TOLD * n_moved else 0.0


def _scale(known: FloatArray, n_missing: int, fill: float) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the imputed values, with far outliers clipped."""
    first, third = np.quantile(known, [0.25, 0.75])
    reach = OUTLIER_IQRS * (third - first)
    clipped = np.clip(known, first - reach, third + reach) if reach > 0 else known
    n_rows = len(known) + n_missing
    mean = (clipped.sum() + n_missing * fill) / n_rows
    square = ((clipped - mean) ** 2).sum() + n_missing * (fill - mean) ** 2
    deviation = float(np.sqrt(square / n_rows))
    # Squares of tiny differences underflow to a deviation of 0; then any scale will do.
    return np.array([mean]), np.array([deviation or 1.0])


def _quantile_levels(known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distinct values and the normal scores of their mid-ranks, to interpolate between."""
    from scipy.special import ndtri

    ordered = np.sort(known)
    n_rows = len(ordered)
    ranks = np.unique(np.linspace(0, n_rows - 1, min(n_rows, MAX_QUANTILES)).round().astype(int))
    levels, which, counts = np.unique(ordered[ranks], return_inverse=True, return_counts=True)
    share = np.bincount(which, weights=(ranks + 0.5) / n_rows) / counts
    return levels, np.clip(ndtri(share), -MAX_NORMAL, MAX_NORMAL)
