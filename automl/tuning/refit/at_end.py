"""Refits the ensemble's members at the end of a search, if wanted and if there is time."""

from __future__ import annotations

import math
from collections.abc import Iterator

from automl.data.split.choose import ALL_ROWS
from automl.events import Note
from automl.plugin.refitting import RefittableFamily
from automl.scheduling.runner import JobRunner
from automl.tuning.budget.budget import Budget
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.problem.problem import Problem
from automl.tuning.refit.refit import refit_members
from automl.tuning.refit.refitter import expected_fit_s
from automl.tuning.trials.newest_rows import expected_newest_s, is_by_time

__all__ = ["expected_refit_s", "refit_at_end", "refits_at_end"]

MANY_ROWS = 10_000
OPENING_S = 0.5  # for encoding all rows and loading the models of folds
CLOSING_S = 0.3  # for the leaderboard and the manifest
RESERVE = 1.1  # for errors of the estimate; `Budget.reserve_s` covers the rest


def refits_at_end(incumbent: EnsembleTracker) -> bool:
    """Whether a search refits at its end: as configured, else for time plans and many rows.

    Not after a holdout: a tenth more rows bring little, and the refit could not be scored, as it
    trains on the scored rows. For time plans, the refit is for the newest rows.
    """
    asked, plan = incumbent.config.refit, incumbent.oof.plan
    if asked is not None or is_by_time(plan):
        return asked is not False
    return len(incumbent.oof.dataset.y) >= MANY_ROWS and plan.n_folds > 1


def expected_refit_s(incumbent: EnsembleTracker, n_slots: int, haste: float = 1.0) -> float:
    """Expected seconds of the refit at the end of a search; 0 without one.

    Args:
        incumbent: Has the members.
        n_slots: Fits that run side by side.
        haste: Share of the times that were not measured: see ``Budget.haste``.
    """
    if not refits_at_end(incumbent):
        return 0.0
    in_folds = [trial for trial in incumbent.members if trial.folds != (ALL_ROWS,)]
    plan = incumbent.oof.plan
    if is_by_time(plan):
        each = [expected_newest_s(trial.results, plan) for trial in in_folds]
    else:
        family_of = {name: family for name, (family, _) in incumbent.families.items()}
        able = [t for t in in_folds if isinstance(family_of[t.spec.family], RefittableFamily)]
        each = [expected_fit_s(trial.results.values()) for trial in able]
    if not each:
        return 0.0
    guess_s = haste * (OPENING_S + CLOSING_S)
    return guess_s + RESERVE * max(sum(each) / n_slots, max(each))


def refit_at_end(
    problem: Problem, incumbent: EnsembleTracker, runner: JobRunner, budget: Budget
) -> Iterator[Note | None]:
    """Refits the members of a search that is about to finish, if wanted and if there is time.

    Args:
        problem: The problem.
        incumbent: The tracker, after its last selection.
        runner: Runner of the search, without running fits.
        budget: The budget; its remaining time is the limit.

    Yields:
        None whenever the fits may have advanced, and at the end notes for the user.

    Raises:
        UserError: As raised by ``refit_members``.
    """
    if incumbent.current is None or not refits_at_end(incumbent):
        return
    left_s = budget.time_left_s
    done = yield from refit_members(
        problem,
        runner,
        time_left_s=math.inf if left_s is None else left_s - CLOSING_S,
        # For time plans the newest rows decide, and a user who asks for a refit gets one.
        only_if_better=incumbent.config.refit is None and problem.plan.kind != "time",
    )
    for text in done.notes:
        yield Note(text, budget.elapsed_s)
