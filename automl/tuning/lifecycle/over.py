"""A run that is over and gets no more budget: it is left as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from automl.config.schema import SearchConfig
from automl.data.split.choose import SplitPlan
from automl.ensemble import read_ensemble
from automl.errors import RunError
from automl.events import Event, Note, SearchFinished
from automl.leaderboard import read_board
from automl.store.run_dir import RunDir
from automl.surface import named
from automl.trial.spec import UNFINISHED, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.lifecycle.resume import Past, damage

__all__ = ["Over", "is_over"]


@dataclass(frozen=True, slots=True)
class Over:
    """A search that is not gone on with.

    Attributes:
        run: The run directory, in which nothing is changed.
        past: What lies in it.
    """

    run: RunDir
    past: Past

    @property
    def note(self) -> Note:
        """Says that nothing was done, and what would change that."""
        return Note(
            f"nothing to do: {len(self.past.records)} trials finished, 0 unfinished. The budget is "
            f"spent; {named('time_s')} and {named('trials')} are totals, so give a larger one",
            self.past.elapsed_s,
        )

    def events(self) -> Iterator[Event]:
        """The events of a run without a budget left: a note, and the end as recorded."""
        yield self.note
        board, ensemble = read_board(self.run), read_ensemble(self.run)
        yield SearchFinished(
            run=str(self.run.path),
            stopped_by=str(self.past.manifest.get("stopped_by", "")),
            n_complete=board.count(TrialState.COMPLETE),
            n_pruned=board.count(TrialState.PRUNED),
            n_failed=board.count(TrialState.FAILED),
            failures=board.failures,
            ensemble_score=ensemble.expected_score,
            weights=ensemble.weights,
            elapsed_s=self.past.elapsed_s,
            notes=(self.note.message,),
            n_out_of_time=board.count(TrialState.OUT_OF_TIME),
            n_interrupted=board.count(TrialState.INTERRUPTED),
        )


def is_over(
    run: RunDir, past: Past, plan: SplitPlan, then: SearchConfig, now: SearchConfig
) -> bool:
    """Whether there is nothing to be done in a run that is resumed.

    There is something where it was killed, where a file is damaged that can be made again, where
    trials were cut and may go on, where a budget has grown, and where settings were changed.

    Args:
        run: The run directory.
        past: What lies in it.
        plan: Its split plan.
        then: The configuration on disk.
        now: What it is resumed with.
    """
    if past.manifest.get("status") != "finished" or not _has_end(run):
        return False
    settings = replace(now, time_s=then.time_s, trials=then.trials, data_path=then.data_path)
    if settings != then or not _is_used_up(past, then, now):
        return False
    keep_all = now.search.keep_models == "all"
    complete = (r for r in past.records if r.state is TrialState.COMPLETE)
    files = ((r.trial_id, fold) for r in complete for fold in r.folds)
    return all(damage(run, name, fold, plan, keep_all) is None for name, fold in files)


def _has_end(run: RunDir) -> bool:
    """Whether there is an ensemble to predict with, and a leaderboard."""
    try:
        return bool(read_ensemble(run).members) and run.leaderboard.is_file()
    except RunError:
        return False


def _is_used_up(past: Past, then: SearchConfig, now: SearchConfig) -> bool:
    """Whether no trial may begin or go on; a search that was not interrupted has tried all."""
    budget = Budget(
        time.monotonic() - past.elapsed_s, now.time_s, now.trials, now.search.reserve_share
    )
    if budget.search_left_s() <= 0:
        return True
    stopped_by = past.manifest.get("stopped_by")
    if stopped_by == "time":  # the rest of it was kept, or too little for one more fit
        return not _has_grown(then.time_s, now.time_s)
    cut = [r for r in past.records if r.error is not None and r.error.kind in UNFINISHED]
    if cut or any(r.state is TrialState.RUNNING for r in past.records):
        return False
    if stopped_by == "exhausted":
        return not _has_grown(then.time_s, now.time_s) and not _has_grown(then.trials, now.trials)
    return now.trials is not None and len(past.records) >= now.trials


def _has_grown(then: float | None, now: float | None) -> bool:
    """Whether a budget is larger than it was; None is no limit."""
    return then is not None and (now is None or now > then)
