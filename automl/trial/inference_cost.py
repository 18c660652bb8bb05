"""What predicting with fold models costs in time and size, and how that stands to the limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from automl.config.schema import LimitsConfig
from automl.trial.spec import FoldResult

__all__ = ["Cost", "cost_of"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of predicting with all fold models of a trial, or of several.

    Attributes:
        predict_ms: Milliseconds to encode and predict 1,000 rows.
        size_mb: Size of the saved models, in units of 10^6 bytes.
    """

    predict_ms: float = 0.0
    size_mb: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.predict_ms + other.predict_ms, self.size_mb + other.size_mb)

    def times(self, factor: float) -> Cost:
        """So many times as much."""
        return Cost(self.predict_ms * factor, self.size_mb * factor)

    def shares(self, limits: LimitsConfig) -> dict[str, float]:
        """What share of each limit it takes up, by the name of the limit; those that are set."""
        names = ("predict_ms", "size_mb")
        return {n: getattr(self, n) / limit for n in names if (limit := getattr(limits, n))}

    def excesses(self, limits: LimitsConfig) -> dict[str, float]:
        """By what share of it each limit is exceeded; 0 or less where it holds."""
        return {name: share - 1.0 for name, share in self.shares(limits).items()}

    def excess(self, limits: LimitsConfig) -> float:
        """By what share of it the limit is exceeded that is broken most; 0 when all hold."""
        return max([0.0, *self.excesses(limits).values()])


def cost_of(results: Iterable[FoldResult], *, newest_alone: bool = False) -> Cost:
    """The cost of fold models that predict together, each of them every row.

    Args:
        results: Of the folds.
        newest_alone: Whether one model, of the newest rows, predicts in their place, as in order of
            time: it costs what that of the last fold does.
    """
    results = list(results)
    if newest_alone:
        results = sorted(results, key=lambda result: result.fold)[-1:]
    costs = (Cost(r.predict_ms, r.model_mib * 2**20 / 1e6) for r in results)
    return sum(costs, Cost())
