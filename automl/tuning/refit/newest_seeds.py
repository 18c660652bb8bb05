"""Fits nets on the newest rows with several seeds, and averages them."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from automl.data.split.choose import ALL_ROWS
from automl.ensemble import Member
from automl.plugin.iterative import IterativeFamily
from automl.plugin.refitting import RefittableFamily
from automl.trial.inference_cost import InferenceCost, cost_of
from automl.tuning.problem.problem import Problem
from automl.tuning.refit.refitter import Refitter
from automl.tuning.refit.shipping import MAX_SEEDS

__all__ = ["fit_more_seeds"]


def fit_more_seeds(
    problem: Problem, members: Sequence[Member], refitter: Refitter
) -> Generator[None, None, str]:
    """Fits nets on the newest rows with further seeds, three in all; their mean predicts.

    A single net depends on its random initial weights, and fits differ much beyond the last row,
    which no score of the folds can show (docs/decisions/0037-time.md). Fits without time left, or
    that would exceed a limit, are left out.

    Args:
        problem: Problem of the run, with a time plan.
        members: Members of the ensemble, with the folds whose models exist.
        refitter: Has fitted each member once.

    Yields:
        None, whenever the fits may have advanced.

    Returns:
        The result in a sentence; "" if nothing was done.
    """
    names = [m.trial for m in members if _begins_at_random(problem, m)]
    for number in range(1, MAX_SEEDS):
        again = [m for m in members if m.trial in names and _n_fits(refitter, m) == number]
        if (
            not again
            or _cost_with(again, members, refitter).max_excess(problem.config.limits) > 0.0
        ):
            break
        yield from refitter.refit(again, ALL_ROWS - number)  # one that fails keeps those before
    counts = [n for m in members if m.trial in names and (n := _n_fits(refitter, m)) > 1]
    if not counts:
        return ""
    n_fits = str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    return (
        f"{len(counts)} of {len(members)} members start from random weights, and predict with the "
        f"mean of {n_fits} fits on the newest rows"
    )


def _begins_at_random(problem: Problem, member: Member) -> bool:
    """Whether the family trains by epochs, and has no unique solution."""
    family = problem.families.get(member.family, (None, None))[0]
    is_net = isinstance(family, IterativeFamily) and family.fidelity == "epochs"
    return is_net and not isinstance(family, RefittableFamily)


def _n_fits(refitter: Refitter, member: Member) -> int:
    return len(refitter.fitted.get(member.trial, ()))


def _cost_with(
    again: Sequence[Member], members: Sequence[Member], refitter: Refitter
) -> InferenceCost:
    """Cost of predicting with one more fit of the members in ``again``."""
    costs = [cost_of(refitter.fitted[m.trial][:1]) for m in again]
    for member in members:
        fits = refitter.fitted.get(member.trial)
        folds = refitter.records[member.trial].folds
        costs.append(cost_of(fits) if fits else cost_of(folds, newest_alone=True))
    return sum(costs, InferenceCost())
