"""All measurements by name."""

from __future__ import annotations

from benchmarks.honesty import coverage, drift, million, noise, signal
from benchmarks.honesty.row import Row

__all__ = ["ROWS"]

ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        noise.FAMILIES_ROW,
        noise.STAGES_ROW,
        noise.ENSEMBLE_ROW,
        signal.ROW,
        coverage.ROW,
        drift.ROW,
        million.ROW,
    )
}
"""In the order of the report."""
