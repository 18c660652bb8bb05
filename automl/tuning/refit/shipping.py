"""Chooses between the folds' models and refits on all rows by their expected gains.

With ``L`` the squared error of the out-of-fold predictions, ``V`` the variance of a fold's model,
``K`` folds and ``S`` refits of different seeds, the expected gains over one model of a fold are

    mean of the folds     V (1 - 1/K)                        Krogh & Vedelsby, NeurIPS 1994
    S refits              D + V_seed (1 - 1/S)

``D`` is the gain from more rows: ``1.8 V / K``, at least 0.6 % of ``L`` (0.3 % of its root), unless
it is known. ``V_seed`` is about ``0.55 V``. Both shares are means of 16 measurements
(docs/decisions/0039-refit-or-folds.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from automl.config.schema import LimitsConfig
from automl.trial.inference_cost import InferenceCost

__all__ = ["MAX_SEEDS", "Expected", "Shipped", "choose_shipped"]

MAX_SEEDS = 3
"""A fourth seed would add a tenth of the gain of the first three."""

DATA_GAIN = 1.8
MIN_DATA_GAIN = 0.006
SEED_SHARE = 0.55

EQUAL = 0.018
"""Expected losses that differ by less are equal: 1.8 % of a squared error, 0.9 % of its root.

The standard deviation of the error of this estimate is 0.95 %.
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """Estimates for an ensemble, before its refits replace the models of the folds.

    Attributes:
        loss: Mean squared error of its out-of-fold predictions (of probabilities: Brier score).
        variance: Variance of a fold's model on rows that it did not train on.
        n_folds: Number of folds' models whose mean may ship.
        folds: Latency and size with the models of the folds.
        refit: The same with one refit of each member.
        seed: Additional cost of one more refit of each member.
        data_gain: Share of ``loss`` gained from the rows of one more fold; None if unknown.
    """

    loss: float
    variance: float
    n_folds: int
    folds: InferenceCost
    refit: InferenceCost
    seed: InferenceCost
    data_gain: float | None = None

    def gain(self, n_seeds: int) -> float:
        """Share of ``loss`` gained over one model of a fold.

        Args:
            n_seeds: Refits of each member; 0 for the models of the folds.
        """
        noise = self.variance / self.loss if self.loss > 0 else 0.0
        if n_seeds == 0:
            return noise * (1.0 - 1.0 / self.n_folds)
        data = self.data_gain
        if data is None:
            data = max(MIN_DATA_GAIN, DATA_GAIN * noise / self.n_folds)
        return data + SEED_SHARE * noise * (1.0 - 1.0 / n_seeds)

    def cost(self, n_seeds: int) -> InferenceCost:
        """Latency and size, likewise."""
        return self.folds if n_seeds == 0 else self.refit + self.seed.times(n_seeds - 1)


@dataclass(frozen=True, slots=True)
class Shipped:
    """The models that ship.

    Attributes:
        n_seeds: Refits of each member; 0 for the models of the folds.
        reason: Why, in a sentence.
    """

    n_seeds: int
    reason: str


def choose_shipped(expected: Expected, limits: LimitsConfig, max_seeds: int = MAX_SEEDS) -> Shipped:
    """Chooses the fastest models among those expected to equal the best within the limits.

    Args:
        expected: Estimates for both kinds.
        limits: Upper bounds for the predictor. If nothing is within them, the closest ships.
        max_seeds: Refits of each member for which there is time.
    """
    ways = [*range(1, max_seeds + 1), 0]
    within = [n for n in ways if expected.cost(n).max_excess(limits) <= 0.0]
    if not within:
        cheapest = min(ways, key=lambda n: expected.cost(n).max_excess(limits))
        return Shipped(cheapest, f"{_named(cheapest)} ships: nothing is within the limits")
    best = max(within, key=expected.gain)
    equal = [n for n in within if expected.gain(n) >= expected.gain(best) - EQUAL]
    chosen = min(equal, key=lambda n: expected.cost(n).predict_ms)
    return Shipped(chosen, _reason(expected, chosen))


def _reason(expected: Expected, chosen: int) -> str:
    """Why the chosen models ship and not those of the other kind."""
    other = int(chosen == 0)
    text = (
        f"{_named(chosen)} ships: it is expected to lower the squared error of a single fold's "
        f"model by {100 * expected.gain(chosen):.1f} %, and {_named(other)} by "
        f"{100 * expected.gain(other):.1f} %"
    )
    if expected.gain(other) <= expected.gain(chosen):
        return text
    return f"{text}, which is equal within the error of this estimate; it predicts faster"


def _named(n_seeds: int) -> str:
    if n_seeds == 0:
        return "the mean of the folds' models"
    return "one refit on all rows" if n_seeds == 1 else f"the mean of {n_seeds} refits on all rows"
