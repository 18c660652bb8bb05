"""Several fits on the newest rows of members that begin with random weights."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from automl.data.split.choose import ALL_ROWS
from automl.ensemble import Member
from automl.plugin.iterative import IterativeFamily
from automl.plugin.refitting import RefittableFamily
from automl.trial.inference_cost import Cost, cost_of
from automl.tuning.problem.problem import Problem
from automl.tuning.refit.refitter import Refitter
from automl.tuning.refit.shipping import MAX_SEEDS

__all__ = ["fit_more_seeds"]


def fit_more_seeds(
    problem: Problem, members: Sequence[Member], refitter: Refitter
) -> Generator[None, None, str]:
    """Fits nets on the newest rows with further seeds, three in all; their mean predicts.

    A net that is fitted once has the luck of its first weights, which no score of the folds can
    know: beyond the last row such fits differ much (docs/decisions/0037-time.md). A fit for which
    there is no time is left out, and none is made that would break a limit.

    Args:
        problem: Of the run, with rows in order of time.
        members: Of the ensemble, with the folds whose models are known.
        refitter: Has fitted each member once.

    Yields:
        Nothing, whenever the fits may have moved on.

    Returns:
        What was done, in a sentence; "" for nothing.
    """
    names = [m.trial for m in members if _begins_at_random(problem, m)]
    for number in range(1, MAX_SEEDS):
        again = [m for m in members if m.trial in names and _n_fits(refitter, m) == number]
        if not again or _cost_with(again, members, refitter).excess(problem.config.limits) > 0.0:
            break
        yield from refitter.refit(again, ALL_ROWS - number)  # one that fails keeps those before
    counts = [n for m in members if m.trial in names and (n := _n_fits(refitter, m)) > 1]
    if not counts:
        return ""
    n_fits = str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    return (
        f"{len(counts)} of {len(members)} members begin with random weights, and predict by the "
        f"mean of {n_fits} fits on the newest rows"
    )


def _begins_at_random(problem: Problem, member: Member) -> bool:
    """Whether the family learns epoch by epoch, and has no solution that is always the same."""
    family = problem.families.get(member.family, (None, None))[0]
    is_net = isinstance(family, IterativeFamily) and family.fidelity == "epochs"
    return is_net and not isinstance(family, RefittableFamily)


def _n_fits(refitter: Refitter, member: Member) -> int:
    return len(refitter.fitted.get(member.trial, ()))


def _cost_with(again: Sequence[Member], members: Sequence[Member], refitter: Refitter) -> Cost:
    """Cost of predicting with one more fit of some members."""
    costs = [cost_of(refitter.fitted[m.trial][:1]) for m in again]
    for member in members:
        fits = refitter.fitted.get(member.trial)
        folds = refitter.records[member.trial].folds
        costs.append(cost_of(fits) if fits else cost_of(folds, newest_alone=True))
    return sum(costs, Cost())
