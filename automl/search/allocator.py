"""Which family gets the next trial: a max-reward bandit above the families' studies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Arm", "choose_family"]

ALPHA = 0.5
COST_EXPONENT = 0.5


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of one family.

    Attributes:
        family: Name.
        priority: Families with a higher priority get their first trial earlier.
        n_trials: Trials proposed so far.
        best_loss: The lowest loss of its trials on the first fold; None when none is known.
        unit_cost_s: Typical seconds of one complete trial; None when none is known.
    """

    family: str
    priority: int
    n_trials: int
    best_loss: float | None = None
    unit_cost_s: float | None = None


def choose_family(arms: Sequence[Arm], losses: Sequence[float], use_cost: bool) -> str | None:
    """Chooses the family of the next trial.

    Every family gets its first trial in the order of priority. After that MaxUCB (arXiv
    2505.05226): the best reward of the arm plus ``(alpha ln t / n)^2``, where rewards are losses
    scaled to 0.01 .. 0.99, here over what lies between the best loss and the median. With
    ``use_cost`` the index is divided by the square root of the arm's relative cost.

    Args:
        arms: The families that may be chosen.
        losses: All losses on the first fold so far, of all families.
        use_cost: Whether measured seconds may steer the choice; without, the choice depends on
            scores alone.

    Returns:
        The name, or None when there are no arms.
    """
    if not arms:
        return None
    fresh = [a for a in arms if a.n_trials == 0]
    if fresh:
        return min(fresh, key=lambda a: (-a.priority, a.family)).family
    t = sum(a.n_trials for a in arms)
    costs = [a.unit_cost_s for a in arms if a.unit_cost_s]
    typical = float(np.median(costs)) if costs else 1.0

    def index(arm: Arm) -> float:
        explore = (ALPHA * math.log(t) / arm.n_trials) ** 2 if t > 1 else 0.0
        value = _reward(arm.best_loss, losses) + explore
        if use_cost and arm.unit_cost_s:
            value /= (arm.unit_cost_s / typical) ** COST_EXPONENT
        return value

    return max(arms, key=lambda a: (index(a), a.priority, a.family)).family


def _reward(loss: float | None, losses: Sequence[float]) -> float:
    """Scales a loss to 0.01 (median or worse) .. 0.99 (best); 0.5 when it is not known."""
    if loss is None or not losses:
        return 0.5
    best, middle = min(losses), float(np.median(losses))
    if middle <= best:
        return 0.99 if loss <= best else 0.01
    return float(np.clip((middle - loss) / (middle - best), 0.01, 0.99))
