"""Latency and size of fold models, compared with the limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from automl.config.schema import LimitsConfig
from automl.trial.spec import FoldResult

__all__ = ["InferenceCost", "cost_of"]


@dataclass(frozen=True, slots=True)
class InferenceCost:
    """Cost of predicting with all fold models of a trial, or of several.

    Attributes:
        predict_ms: Milliseconds to encode and predict 1,000 rows.
        size_mb: Size of the saved models, in units of 10^6 bytes.
    """

    predict_ms: float = 0.0
    size_mb: float = 0.0

    def __add__(self, other: InferenceCost) -> InferenceCost:
        return InferenceCost(self.predict_ms + other.predict_ms, self.size_mb + other.size_mb)

    def times(self, factor: float) -> InferenceCost:
        """The cost times a factor."""
        return InferenceCost(self.predict_ms * factor, self.size_mb * factor)

    def shares(self, limits: LimitsConfig) -> dict[str, float]:
        """Share of each set limit that is used, by the name of the limit."""
        names = ("predict_ms", "size_mb")
        return {n: getattr(self, n) / limit for n in names if (limit := getattr(limits, n))}

    def excess_by_limit(self, limits: LimitsConfig) -> dict[str, float]:
        """Excess over each set limit, as a share of it; 0 or less within it."""
        return {name: share - 1.0 for name, share in self.shares(limits).items()}

    def max_excess(self, limits: LimitsConfig) -> float:
        """Largest excess over a limit, as a share of it; 0 within all."""
        return max([0.0, *self.excess_by_limit(limits).values()])


def cost_of(results: Iterable[FoldResult], *, newest_alone: bool = False) -> InferenceCost:
    """The cost of fold models that predict together, each of them every row.

    Args:
        results: Results of the folds.
        newest_alone: Whether one model of the newest rows predicts instead, as with a time plan;
            it costs as much as the last fold's.
    """
    results = list(results)
    if newest_alone:
        results = sorted(results, key=lambda result: result.fold)[-1:]
    costs = (InferenceCost(r.predict_ms, r.model_mib * 2**20 / 1e6) for r in results)
    return sum(costs, InferenceCost())
