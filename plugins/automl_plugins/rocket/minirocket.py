"""MiniRocket: features of sequences by a small fixed set of kernels (arXiv 2012.08791).

Implemented from the paper, and extended to several channels, unequal lengths and missing values.
Numbers in brackets are sections of the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Sequences

__all__ = ["KERNELS", "MiniRocket", "convolved", "fit_minirocket"]

TAPS = 9
KERNELS = np.array(list(combinations(range(TAPS), 3)))
"""Taps of weight 2 of each of the 84 kernels; the other six have weight -1 [3.1.2]."""

MOST_DILATIONS = 32  # per kernel [3.1.4]
GOLDEN_RATIO = (np.sqrt(5) + 1) / 2
CHUNK_VALUES = 1 << 18
"""Values of a chunk of sequences, which bounds memory and fits into the cache."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MiniRocket:
    """Fitted features of one column of sequences.

    Attributes:
        mean, deviation: Of each channel in the training rows, ``(n_channels,)``.
        dilations: Steps between two taps, ascending, ``(n_dilations,)``.
        channels: Channels that a kernel sums, ``(n_dilations, n_kernels, n_channels)``.
        biases: Thresholds of the outputs, for each dilation ``(n_kernels, n_biases)``.
        differences: True for features of differences between neighbouring steps.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    dilations: NDArray[np.int64]
    channels: Flags
    biases: tuple[Floats, ...]
    differences: bool

    @property
    def n_features(self) -> int:
        """Number of columns of ``transform``."""
        return int(sum(biases.size for biases in self.biases))

    def transform(self, sequences: Sequences) -> Floats:
        """Shares of the steps with an output above a bias [3.1.3].

        Returns:
            ``(n_rows, n_features)``, from 0 to 1.
        """
        out = np.empty((len(sequences), self.n_features), dtype=np.float32)
        longest = int(sequences.lengths.max(initial=1))
        size = max(1, CHUNK_VALUES // (longest * sequences.n_channels))
        for start in range(0, len(sequences), size):
            rows = slice(start, start + size)
            self._write(*self.prepared(sequences[rows]), out[rows])
        return out

    def prepared(self, sequences: Sequences) -> tuple[Floats, NDArray[np.int64]]:
        """Scaled values ``(n_rows, n_channels, n_steps)`` with 0 for missing ones, and lengths."""
        values = (sequences.padded() - self.mean) / self.deviation
        lengths = sequences.lengths
        if self.differences and values.shape[1] > 1:
            values = np.diff(values, axis=1)
            lengths = np.maximum(lengths - 1, 1)
        return np.nan_to_num(values, nan=0.0).astype(np.float32).transpose(0, 2, 1), lengths

    def _write(self, values: Floats, lengths: NDArray[np.int64], out: Floats) -> None:
        start = 0
        for number, dilation in enumerate(self.dilations.tolist()):
            regions = _regions(lengths, dilation, values.shape[2])
            outputs = convolved(values, dilation, self.channels[number])
            for kernel, output in enumerate(outputs):
                region = regions[(kernel + number) % 2]
                biases = self.biases[number][kernel]
                inside = np.where(region, output, np.float32(-np.inf))
                above = np.count_nonzero(inside[:, :, np.newaxis] > biases, axis=1)
                end = start + len(biases)
                out[:, start:end] = above / region.sum(axis=1, keepdims=True)
                start = end

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Values and arrays for ``from_state``."""
        arrays = {
            "mean": self.mean,
            "deviation": self.deviation,
            "dilations": self.dilations,
            "channels": self.channels,
            **{f"biases{i}": biases for i, biases in enumerate(self.biases)},
        }
        return {"differences": self.differences}, arrays

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> MiniRocket:
        """Restores the features from their ``state``."""
        return cls(
            mean=arrays["mean"],
            deviation=arrays["deviation"],
            dilations=arrays["dilations"],
            channels=arrays["channels"],
            biases=tuple(arrays[f"biases{i}"] for i in range(len(arrays["dilations"]))),
            differences=bool(meta["differences"]),
        )


def fit_minirocket(
    sequences: Sequences, n_features: int, differences: bool, seed: int
) -> MiniRocket:
    """Chooses dilations from the lengths of training rows, and biases from their values.

    Args:
        sequences: Training rows.
        n_features: Approximate number of features, at least one per kernel.
        differences: True to use the differences between neighbouring steps.
        seed: Seed of the rows that give the biases, and of the channels.
    """
    rng = np.random.default_rng(seed)
    steps = sequences.steps().astype(np.float64)
    there = ~np.isnan(steps)
    n_there = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, steps, 0.0).sum(axis=0) / n_there
    deviation = np.sqrt((np.where(there, steps - mean, 0.0) ** 2).sum(axis=0) / n_there)
    per_kernel = max(1, n_features // len(KERNELS))
    dilations, counts = _dilations(int(np.median(sequences.lengths)), per_kernel)
    channels = np.array([[_some(sequences.n_channels, rng) for _ in KERNELS] for _ in dilations])
    scale = np.where(deviation > 0, deviation, 1.0)
    plain = MiniRocket(mean, scale, dilations, channels, (), differences)
    quantiles = np.arange(1, per_kernel * len(KERNELS) + 1) * GOLDEN_RATIO % 1  # [3.1.3]
    biases, taken = [], 0
    for number, (dilation, count) in enumerate(zip(dilations.tolist(), counts, strict=True)):
        # Each kernel takes its biases from one training row, as in the paper.
        rows = rng.integers(len(sequences), size=len(KERNELS))
        values, lengths = plain.prepared(sequences[rows])
        found = np.empty((len(KERNELS), count), dtype=np.float32)
        for kernel, output in enumerate(convolved(values, dilation, channels[number])):
            own = output[kernel, : lengths[kernel]]
            shares = quantiles[taken : taken + count]
            found[kernel] = np.quantile(own, shares)
            taken += count
        biases.append(found)
    return MiniRocket(mean, scale, dilations, channels, tuple(biases), differences)


def convolved(values: Floats, dilation: int, channels: Flags) -> Iterator[Floats]:
    """Outputs of all kernels in turn, ``(n_rows, n_steps)`` each, with zero padding.

    All kernels share the sum of nine taps of weight -1, and add three taps of weight 3 of their own
    [3.2.3].

    Args:
        values: ``(n_rows, n_channels, n_steps)``.
        dilation: Steps between two taps.
        channels: Channels that each kernel sums, ``(n_kernels, n_channels)``.
    """
    taps = np.stack([_shifted(values, (tap - TAPS // 2) * dilation) for tap in range(TAPS)])
    common = -taps.sum(axis=0)
    for (first, second, third), chosen in zip(KERNELS, channels, strict=True):
        own = common + 3 * (taps[first] + taps[second] + taps[third])
        yield own[:, 0] if len(chosen) == 1 else own[:, chosen].sum(axis=1)


def _shifted(values: Floats, by: int) -> Floats:
    """Values shifted by ``by`` steps, with zero padding."""
    n_steps = values.shape[2]
    shifted = np.zeros_like(values)
    if abs(by) < n_steps:
        shifted[:, :, max(0, -by) : n_steps - max(0, by)] = values[
            :, :, max(0, by) : n_steps - max(0, -by)
        ]
    return shifted


def _regions(lengths: NDArray[np.int64], dilation: int, n_steps: int) -> tuple[Flags, Flags]:
    """Steps that count: all of a sequence, or those where the whole kernel is inside [3.1.5].

    If the kernel is nowhere inside, all steps count.
    """
    place, ends = np.arange(n_steps), lengths[:, np.newaxis]
    reach = TAPS // 2 * dilation
    whole = place < ends
    within = (place >= reach) & (place < ends - reach)
    return whole, np.where(within.any(axis=1, keepdims=True), within, whole)


def _dilations(length: int, per_kernel: int) -> tuple[NDArray[np.int64], list[int]]:
    """Dilations that grow exponentially up to the length, and the features of each [3.1.4]."""
    n_most = min(per_kernel, MOST_DILATIONS)
    exponent = np.log2(max(1.0, (length - 1) / (TAPS - 1)))
    spread = np.floor(np.logspace(0, exponent, n_most, base=2)).astype(np.int64)
    dilations, times = np.unique(spread, return_counts=True)
    counts = times * per_kernel // n_most
    counts[: per_kernel - int(counts.sum())] += 1
    return dilations, counts.tolist()


def _some(n_channels: int, rng: np.random.Generator) -> Flags:
    """A random set of at most nine channels, with log-uniform size."""
    most = min(n_channels, TAPS)
    n_chosen = int(2 ** rng.uniform(0, np.log2(most + 1)))
    chosen = np.zeros(n_channels, dtype=np.bool_)
    chosen[rng.choice(n_channels, min(n_chosen, most), replace=False)] = True
    return chosen
