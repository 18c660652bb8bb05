"""Recognises a resumed run that has nothing left to do, and leaves it unchanged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from automl.config.schema import SearchConfig
from automl.data.split.choose import SplitPlan
from automl.ensemble import read_ensemble
from automl.errors import RunError
from automl.events import Event, Note
from automl.leaderboard import read_board
from automl.store.run_dir import RunDir
from automl.surface import named
from automl.trial.spec import CUT_SHORT, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.lifecycle.finish import end_of
from automl.tuning.lifecycle.resume import EarlierSearch, damage
from automl.tuning.loop.controller import NO_MORE_GAINS

__all__ = ["FinishedRun", "is_over"]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished search without budget left.

    Attributes:
        run: The run directory; it is not changed.
        past: The earlier search in it.
    """

    run: RunDir
    past: EarlierSearch

    @property
    def note(self) -> Note:
        """States that nothing was done, and how to continue."""
        why = "The budget is spent"
        if self.past.manifest.get("stopped_by") == NO_MORE_GAINS:
            why = "It stopped early (search.stop_early) as it gained nothing"
        return Note(
            f"nothing to do: {len(self.past.records)} trials finished, 0 unfinished. {why}; "
            f"{named('time_s')} and {named('trials')} are totals, so give a larger one",
            self.past.elapsed_s,
        )

    def events(self) -> Iterator[Event]:
        """The events of a run without budget left: a note, and the recorded end."""
        yield self.note
        board, ensemble = read_board(self.run), read_ensemble(self.run)
        stopped_by = str(self.past.manifest.get("stopped_by", ""))
        end = end_of(self.run, board, ensemble, stopped_by, self.past.elapsed_s)
        yield replace(end, notes=(self.note.message,))


def is_over(
    run: RunDir, earlier: EarlierSearch, plan: SplitPlan, then: SearchConfig, now: SearchConfig
) -> bool:
    """Whether a resumed run has nothing left to do.

    There is work if it was killed, if a damaged file can be restored, if trials were cut and may
    continue, if a budget has grown, or if settings changed.

    Args:
        run: The run directory.
        earlier: The earlier search in it.
        plan: Its split plan.
        then: The configuration on disk.
        now: The configuration to resume with.
    """
    if earlier.manifest.get("status") != "finished" or not _has_end(run):
        return False
    settings = replace(now, time_s=then.time_s, trials=then.trials, data_path=then.data_path)
    if settings != then or not _is_used_up(earlier, then, now):
        return False
    keep_all = now.search.keep_models == "all"
    complete = (r for r in earlier.records if r.state is TrialState.COMPLETE)
    files = ((r.trial_id, fold) for r in complete for fold in r.folds)
    return all(damage(run, name, fold, plan, keep_all) is None for name, fold in files)


def _has_end(run: RunDir) -> bool:
    """Whether the run has an ensemble and a leaderboard."""
    try:
        return bool(read_ensemble(run).members) and run.leaderboard.is_file()
    except RunError:
        return False


def _is_used_up(earlier: EarlierSearch, then: SearchConfig, now: SearchConfig) -> bool:
    """Whether no trial may begin or continue; an uninterrupted search has tried all it could."""
    budget = Budget(
        time.monotonic() - earlier.elapsed_s, now.time_s, now.trials, now.search.reserve_share
    )
    if budget.search_left_s() <= 0:
        return True
    stopped_by = earlier.manifest.get("stopped_by")
    # By "time" the remaining seconds were reserved, or too few for another fit.
    if stopped_by == "time" or (stopped_by == NO_MORE_GAINS and now.search.stop_early):
        return not _has_grown(then.time_s, now.time_s)
    cut = [r for r in earlier.records if r.error is not None and r.error.kind in CUT_SHORT]
    if cut or any(r.state is TrialState.RUNNING for r in earlier.records):
        return False
    if stopped_by == "exhausted":
        return not _has_grown(then.time_s, now.time_s) and not _has_grown(then.trials, now.trials)
    return now.trials is not None and len(earlier.records) >= now.trials


def _has_grown(then: float | None, now: float | None) -> bool:
    """Whether a budget is larger than before; None is unlimited."""
    return then is not None and (now is None or now > then)
