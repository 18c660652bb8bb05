"""The refit at the end of a search: whether there is one, what time it takes, and its news."""

from __future__ import annotations

import math
from collections.abc import Iterator

from automl.data.split.choose import ALL_ROWS
from automl.events import Note
from automl.plugin.refitting import RefittableFamily
from automl.scheduling.runner import JobRunner
from automl.tuning.budget.budget import Budget
from automl.tuning.incumbent.ensemble_tracker import Standing
from automl.tuning.problem.problem import Problem
from automl.tuning.refit.refit import refit_members
from automl.tuning.refit.refitter import expected_fit_s
from automl.tuning.trials.newest import expected_newest_s, is_by_time

__all__ = ["expected_refit_s", "is_refitted", "refit_at_the_end"]

MANY_ROWS = 10_000
OPENING_S = 0.5  # all rows are encoded, and models of folds loaded
CLOSING_S = 0.3  # for the leaderboard and the manifest
RESERVE = 1.1  # estimates err; `Budget.reserve_s` covers the rest


def is_refitted(standing: Standing) -> bool:
    """Whether a search refits at its end: as it is set, else in order of time or of many rows.

    Not after a holdout: a tenth more rows bring little, and nothing could score the refit, as the
    rows of the score are among its own. In order of time it is always for the newest rows.
    """
    asked, plan = standing.config.refit, standing.evidence.plan
    if asked is not None or is_by_time(plan):
        return asked is not False
    return len(standing.evidence.dataset.y) >= MANY_ROWS and plan.n_folds > 1


def expected_refit_s(standing: Standing, n_slots: int) -> float:
    """Seconds that the refit at the end of a search is expected to take; 0 where there is none.

    Args:
        standing: Has the members.
        n_slots: Fits that run side by side.
    """
    if not is_refitted(standing):
        return 0.0
    in_folds = [trial for trial in standing.members if trial.folds != (ALL_ROWS,)]
    plan = standing.evidence.plan
    if is_by_time(plan):
        each = [expected_newest_s(trial.results, plan) for trial in in_folds]
    else:
        family_of = {name: family for name, (family, _) in standing.families.items()}
        able = [t for t in in_folds if isinstance(family_of[t.spec.family], RefittableFamily)]
        each = [expected_fit_s(trial.results.values()) for trial in able]
    if not each:
        return 0.0
    return OPENING_S + RESERVE * max(sum(each) / n_slots, max(each)) + CLOSING_S


def refit_at_the_end(
    problem: Problem, standing: Standing, runner: JobRunner, budget: Budget
) -> Iterator[Note | None]:
    """Fits the members of a search that is nearly over, where that is wanted and there is time.

    Args:
        problem: What was searched.
        standing: Has selected for the last time.
        runner: Of the search; nothing runs any more.
        budget: What is left of it is the limit.

    Yields:
        None whenever the fits may have moved on, and in the end what a person should know.

    Raises:
        UserError: As raised by ``refit_members``.
    """
    if standing.current is None or not is_refitted(standing):
        return
    left_s = budget.time_left_s
    done = yield from refit_members(
        problem,
        runner,
        time_left_s=math.inf if left_s is None else left_s - CLOSING_S,
        # In time the newest rows decide; and who asks for a refit gets one.
        only_if_better=standing.config.refit is None and problem.plan.kind != "time",
    )
    for text in done.notes:
        yield Note(text, budget.elapsed_s)
