"""Chooses the family that gets the next trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["AllocatorState", "Arm", "choose_family", "is_hopeless"]

DECAY = 0.75  # factor on a family's worth for each of its trials
GAP_SCALE = 0.5  # times the standard error of a share
LEAST_EVIDENCE = 0.05
UNTRIED_EVIDENCE = 0.7  # of a family without a trial
N_FIRST = 3  # trials that go to a new family each, whatever the losses
COST_EXPONENT = 0.5
CHEAPEST = 0.005  # of the core-seconds of the run: lower costs count as this


@dataclass(frozen=True, slots=True)
class Arm:
    """The state of one family.

    Attributes:
        family: Name.
        priority: Families with a higher priority get their first trial earlier, and more trials.
        n_trials: Trials proposed so far.
        best_loss: Lowest loss of its trials on the first fold; None if unknown.
        cost_s: Typical seconds of one complete trial; None if unknown.
    """

    family: str
    priority: int
    n_trials: int
    best_loss: float | None = None
    cost_s: float | None = None


@dataclass(frozen=True, slots=True)
class AllocatorState:
    """The references for losses and seconds.

    Attributes:
        prior_loss: Loss of the constant baseline on the first fold.
        best_loss: Lowest loss of all trials on it; None if unknown.
        n_rows: Validation rows of the first fold.
        n_trials: Trials proposed so far, of all families.
        core_seconds: Core-seconds of the whole run; None if the choice must depend on scores
            alone.
    """

    prior_loss: float
    best_loss: float | None
    n_rows: int
    n_trials: int
    core_seconds: float | None = None


def choose_family(arms: Sequence[Arm], stakes: AllocatorState) -> str | None:
    """Chooses the family of the next trial: the one with the highest index.

    ::

        index    = priority * 0.75**n_trials * evidence / sqrt(cost)
        evidence = max(0.05, exp(-gap / scale)), or 0.7 before the first trial
        gap      = (family's best loss - best loss) / (baseline loss - best loss)
        scale    = 0.5 / sqrt(n_rows), half of the standard error of a share
        cost     = seconds of a complete trial, relative to the median family

    Losses are those of the first fold. A family that is behind by more than chance is hardly tried
    again, and a leading one is not tried for ever. The first three trials go to the families of
    highest priority. After that, the leading family gets a second trial before a family of low
    priority gets its first; without ``core_seconds`` every family has its first trial before any
    has a second.

    Args:
        arms: The candidate families.
        stakes: The references for losses and seconds.

    Returns:
        The name, or None without arms.
    """
    if not arms:
        return None
    fresh = [arm for arm in arms if arm.n_trials == 0]
    if fresh and (stakes.core_seconds is None or stakes.n_trials < N_FIRST):
        return min(fresh, key=lambda a: (-a.priority, a.family)).family

    def index(arm: Arm) -> tuple[float, int, str]:
        worth = arm.priority * DECAY**arm.n_trials * _evidence(arm, stakes)
        return -worth / _price(arm, arms, stakes), -arm.priority, arm.family

    return min(arms, key=index).family


def is_hopeless(arm: Arm, stakes: AllocatorState) -> bool:
    """Whether the best trial of a family is behind the best of all by far more than chance."""
    return arm.n_trials > 0 and _evidence(arm, stakes) <= LEAST_EVIDENCE


def _evidence(arm: Arm, stakes: AllocatorState) -> float:
    """Evidence, 0 to 1, that the next trial of a family is useful, from its best one so far."""
    if arm.n_trials == 0:
        return UNTRIED_EVIDENCE
    if arm.best_loss is None or stakes.best_loss is None:
        return LEAST_EVIDENCE  # all its trials have failed
    way = max(stakes.prior_loss - stakes.best_loss, 1e-12)
    gap = max(0.0, arm.best_loss - stakes.best_loss) / way
    scale = GAP_SCALE / math.sqrt(max(1, stakes.n_rows))
    return max(LEAST_EVIDENCE, math.exp(-min(gap / scale, 100.0)))


def _price(arm: Arm, arms: Sequence[Arm], stakes: AllocatorState) -> float:
    """Square root of the cost of a trial, relative to the median family."""
    if stakes.core_seconds is None or arm.cost_s is None:
        return 1.0
    least = CHEAPEST * stakes.core_seconds if math.isfinite(stakes.core_seconds) else 1e-9
    typical = median(max(least, a.cost_s) for a in arms if a.cost_s is not None)
    return float((max(least, arm.cost_s) / typical) ** COST_EXPONENT)
