"""Memory that a fit takes for the columns of the table, whatever the family does with them."""

from __future__ import annotations

from automl.plugin import ProblemInfo

__all__ = ["columns_gib"]

BYTES_A_COLUMN, BYTES_A_TEXT = 15e3, 16e6


def columns_gib(problem: ProblemInfo) -> float:
    """Memory of the schema and the fitted encoders in GiB, measured in workers of searches.

    It only matters for tables with thousands of columns, or with texts.
    """
    bytes_ = BYTES_A_COLUMN * problem.n_columns + BYTES_A_TEXT * problem.n_text
    return float(bytes_ / 2**30)
