"""Which family gets the next trial: what it is worth, by what was seen of it, for what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Arm", "Stakes", "choose_family"]

DECAY = 0.75  # of the worth of a trial from one of a family to its next
GAP_SCALE = 0.5  # standard errors of a share
LEAST_EVIDENCE = 0.05
UNTRIED_EVIDENCE = 0.7  # of a family that had no trial yet
N_FIRST = 3  # trials that go to a family each, whatever is known
COST_EXPONENT = 0.5
CHEAPEST = 0.005  # of the core-seconds of the run: less counts as this much


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of one family.

    Attributes:
        family: Name.
        priority: Families with a higher priority get their first trial earlier, and more trials.
        n_trials: Trials proposed so far.
        best_loss: The lowest loss of its trials on the first fold; None when none is known.
        cost_s: Typical seconds of one complete trial; None when none is known.
    """

    family: str
    priority: int
    n_trials: int
    best_loss: float | None = None
    cost_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stakes:
    """What losses and seconds are measured against.

    Attributes:
        prior_loss: Loss on the first fold without any column.
        best_loss: The lowest loss of all trials on it; None when none is known.
        n_rows: Rows that the first fold is validated on.
        n_trials: Trials proposed so far, of all families.
        core_seconds: Of the whole run; None where no seconds may steer the choice, which then
            depends on scores alone.
    """

    prior_loss: float
    best_loss: float | None
    n_rows: int
    n_trials: int
    core_seconds: float | None = None


def choose_family(arms: Sequence[Arm], stakes: Stakes) -> str | None:
    """Chooses the family of the next trial.

    The one with the highest worth per root of its cost. The worth of a trial is the priority of
    its family, less by a quarter with each trial that the family had, times the evidence:
    ``exp(-gap / scale)``, where the gap is how far the family's best loss on the first fold lies
    behind the best of all, as a share of the way from the prior, and the scale half of the
    standard error of such a share. What falls behind by more than chance gives is hardly tried
    again, and what leads is not tried for ever. The evidence for a family that was not tried yet
    is a constant: until losses are known, first trials come in the order of priority, and later
    the family that leads gets a second one before what is rarely the best gets its first. Where
    no seconds are counted every family has its first trial before any has another.

    Args:
        arms: The families that may be chosen.
        stakes: What losses and seconds are measured against.

    Returns:
        The name, or None when there are no arms.
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


def _evidence(arm: Arm, stakes: Stakes) -> float:
    """How likely the next trial of a family is of use, 0 to 1, by the best one so far."""
    if arm.n_trials == 0:
        return UNTRIED_EVIDENCE
    if arm.best_loss is None or stakes.best_loss is None:
        return LEAST_EVIDENCE  # all its trials have failed
    way = max(stakes.prior_loss - stakes.best_loss, 1e-12)
    gap = max(0.0, arm.best_loss - stakes.best_loss) / way
    scale = GAP_SCALE / math.sqrt(max(1, stakes.n_rows))
    return max(LEAST_EVIDENCE, math.exp(-min(gap / scale, 100.0)))


def _price(arm: Arm, arms: Sequence[Arm], stakes: Stakes) -> float:
    """The root of what a trial costs, in typical trials."""
    if stakes.core_seconds is None or arm.cost_s is None:
        return 1.0
    least = CHEAPEST * stakes.core_seconds if math.isfinite(stakes.core_seconds) else 1e-9
    typical = median(max(least, a.cost_s) for a in arms if a.cost_s is not None)
    return float((max(least, arm.cost_s) / typical) ** COST_EXPONENT)
