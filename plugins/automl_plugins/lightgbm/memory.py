"""How much memory the histograms of LightGBM take, and how it is kept small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.plugin import Shape

__all__ = ["HISTOGRAM_MIB", "histogram_bytes", "most_leaves", "with_fewer_leaves"]

HISTOGRAM_MIB = 2048
"""Memory for histograms. Where it does not hold those of all leaves, some are made again."""
BIN_BYTES = 16.0
"""Sums of gradients and of second derivatives, two doubles."""
ROWS_A_BIN = 3
"""LightGBM's ``min_data_in_bin``."""


def histogram_bytes(shape: Shape, n_columns: int, max_bin: int) -> float:
    """Memory of the histograms of one fit, in bytes.

    The ``HistogramPool`` of LightGBM takes it at the start for all leaves that a tree may have.
    2,000 rows of 4,000 columns took 478 MiB with 31 leaves and 2,012 with 128 (without the limit);
    by this formula it is 482 and 1,992.
    """
    n_bins = min(max_bin, shape.n_rows // ROWS_A_BIN + 1)
    # Leaves of 20 rows, LightGBM's default: of later fits the measured memory counts.
    n_leaves = min(most_leaves(shape), max(20, shape.n_rows // 20))
    return min(BIN_BYTES * n_bins * n_columns * n_leaves, HISTOGRAM_MIB * 2.0**20)


def most_leaves(shape: Shape) -> int:
    """The most leaves of a tree that are tried."""
    return 255 if shape.n_rows <= 100_000 else 1023


def with_fewer_leaves(params: Mapping[str, Any], n_rows: int) -> dict[str, Any]:
    """Parameters of a booster that grows the same trees, without memory for leaves of no rows.

    Args:
        params: Parameters of the booster.
        n_rows: Training rows. A leaf holds ``min_data_in_leaf`` of them at least.
    """
    most = n_rows // max(1, params.get("min_data_in_leaf", 20))
    return {**params, "num_leaves": max(2, min(params.get("num_leaves", 31), most))}
