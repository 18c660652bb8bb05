"""A search that goes on where another one stopped: its trials, as their records tell them."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl.data.split.choose import SplitPlan
from automl.ensemble import read_oof
from automl.errors import RunError
from automl.store.files import read_json, remove_drafts
from automl.store.run_dir import RunDir
from automl.surface import named
from automl.trial.records import read_records
from automl.trial.spec import FoldResult, JobKey, TrialRecord, TrialState
from automl.tuning.incumbent.ensemble_tracker import Standing
from automl.tuning.loop.controller import Controller
from automl.tuning.loop.endings import shed
from automl.tuning.propose.proposer import Proposer
from automl.tuning.trials.newest import is_by_time
from automl.tuning.trials.trial import Trial

__all__ = ["Past", "damage", "read_past", "resume"]


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier search left in a run directory.

    Attributes:
        manifest: Its manifest.
        records: Of its trials, in the order of proposal.
    """

    manifest: Mapping[str, Any]
    records: tuple[TrialRecord, ...]

    @property
    def elapsed_s(self) -> float:
        """Seconds of the budget that are known to be used."""
        times = [t for r in self.records for t in (r.started_s, r.finished_s) if t is not None]
        return max([*times, float(self.manifest.get("elapsed_s", 0.0))])

    @property
    def threads_per_fit(self) -> int | None:
        """Threads of one fit; None where it was killed before that was decided."""
        threads: int | None = self.manifest.get("threads_per_fit")
        return threads

    @property
    def is_deterministic(self) -> bool:
        """Whether it began with a number of trials; see ``Budget``."""
        trials = self.manifest.get("budget", {}).get("trials")
        return bool(self.manifest.get("deterministic", trials is not None))


def read_past(run: RunDir) -> Past:
    """Reads manifest and records.

    Raises:
        RunError: One is missing or damaged; it is named.
    """
    manifest, records = read_json(run.manifest), read_records(run)
    for index, record in enumerate(records):
        if record.index != index:
            raise RunError(
                f"{run.trials} has {'two records' if record.index < index else 'no record'} of "
                f"trial number {min(index, record.index)} of the run: {record.trial_id} has "
                f"number {record.index}"
            )
    return Past(manifest, tuple(records))


def resume(past: Past, controller: Controller) -> list[str]:
    """Gives a controller that has not started the trials of an earlier search.

    Finished trials stay as they are. What was running, or was cut when the search ended, goes
    on; of its folds only those are fitted again that are not whole on disk.

    Args:
        past: What the earlier search left.
        controller: Of the same run.

    Returns:
        What a person should know.

    Raises:
        RunError: The run has trials of a family that is not there, or a file is damaged that
            cannot be made again.
    """
    run, ledger, budget = controller.run, controller.ledger, controller.budget
    standing, proposer = controller.standing, controller.proposer
    keep_all = controller.config.search.keep_models == "all"
    notes: list[str] = []
    remove_drafts(run.path)
    for record in past.records:
        trial = _trial_of(record, proposer)
        ledger.trials.append(trial)
        notes.extend(_check_files(trial, run, standing.evidence.plan, keep_all))
        if trial.state is not TrialState.RUNNING:
            shed(trial, run)  # the killed process may not have come to it
    for trial in ledger.trials:
        proposer.place(trial)
        _look_at(trial, standing)
        if trial.state is TrialState.COMPLETE and _has_models(trial, run):
            standing.add(trial)
    standing.update(past.elapsed_s)
    for trial in ledger.in_state(TrialState.RUNNING):
        if trial.first_loss is not None:
            trial.judge_first_fold(trial.first_loss, standing.gain(trial))
            if len(trial.results) > 1 or proposer.is_worthwhile(trial):
                trial.promote()
            standing.first_unit(trial)
    proposer.restore()
    n_running = len(ledger.in_state(TrialState.RUNNING))
    n_over = len(ledger.trials) - n_running
    news = (
        f"resumed: {past.elapsed_s:.0f} s used, {n_over} trial{'s' * (n_over != 1)} finished, "
        f"{n_running} unfinished"
    )
    is_used_up = budget.trials is not None and len(ledger.trials) >= budget.trials
    if (is_used_up and not n_running) or budget.search_left_s() <= 0:
        totals = f"{named('time_s')} and {named('trials')}"
        news += f". The budget is spent; {totals} are totals, so give a larger one"
    return [news, *notes]


def _trial_of(record: TrialRecord, proposer: Proposer) -> Trial:
    name = record.spec.family
    if name not in proposer.families:
        raise RunError(f"{record.trial_id} is of family {name}, which is not among the families")
    costs = proposer.costs
    folds = costs.folds_of(record.spec, [r.fold for r in record.folds])
    return Trial.restored(record, folds, proposer.ledger.metric, is_by_time(costs.plan))


def _check_files(trial: Trial, run: RunDir, plan: SplitPlan, keep_all: bool) -> Sequence[str]:
    """Lets go of folds whose files are not whole, where they are needed; says which and why."""
    if trial.state not in (TrialState.COMPLETE, TrialState.RUNNING):
        return ()
    name, needs_model = trial.spec.trial_id, keep_all or trial.state is TrialState.RUNNING
    lost = {fold: damage(run, name, r, plan, needs_model) for fold, r in trial.results.items()}
    notes = [f"{JobKey(name, f)} is fitted again: {why}" for f, why in lost.items() if why]
    again = [fold for fold, why in lost.items() if why is not None]
    if notes and trial.state is TrialState.COMPLETE and trial.stages:
        notes.append(f"{name} is fitted again: its folds choose one another's stages")
        again = list(lost)
    if again:
        trial.reopen(again)
    return notes


def damage(
    run: RunDir, trial_id: str, result: FoldResult, plan: SplitPlan, needs_model: bool
) -> str | None:
    """Why a finished fold has to be fitted again; None where its files are whole."""
    predictions, model = run.oof(trial_id, result.fold), run.model(trial_id, result.fold)
    try:
        read_oof(run, trial_id, [result.fold], plan)
    except RunError as error:
        return str(error)
    written = [(predictions, result.oof_crc)]
    if result.settled_crc is not None:
        written.append((run.settled(trial_id, result.fold), result.settled_crc))
    for path, crc in written:
        if crc is not None and (not path.is_file() or crc != zlib.crc32(path.read_bytes())):
            return f"{path} is damaged: it is not what was written"
    return f"{model} is missing" if needs_model and not model.is_dir() else None


def _has_models(trial: Trial, run: RunDir) -> bool:
    """Whether it can predict: models that no ensemble used may have been removed."""
    return all(run.model(trial.spec.trial_id, fold).is_dir() for fold in trial.folds)


def _look_at(trial: Trial, standing: Standing) -> None:
    """Finds the loss on the first fold again, which the choice of families goes by."""
    if trial.folds[0] in trial.results:
        with contextlib.suppress(RunError):  # of a trial that is over and needs no predictions
            trial.judge_first_fold(standing.first_fold_loss(trial), trial.gain)
            if trial.state not in (TrialState.RUNNING, TrialState.COMPLETE):
                standing.begun.append(trial)
