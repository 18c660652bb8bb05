"""Restores the trials of an earlier search from their records, to continue it."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl.data.split.choose import SplitPlan
from automl.ensemble import read_oof
from automl.errors import RunError
from automl.store.files import read_json, remove_staging
from automl.store.run_dir import RunDir
from automl.surface import named
from automl.trial.records import read_records
from automl.trial.spec import FoldResult, JobKey, TrialRecord, TrialState
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.loop.controller import Controller
from automl.tuning.loop.end_reasons import shed
from automl.tuning.propose.proposer import Proposer
from automl.tuning.trials.newest_rows import is_by_time
from automl.tuning.trials.trial import Trial

__all__ = ["EarlierSearch", "damage", "read_earlier_search", "restore_trials"]


@dataclass(frozen=True, slots=True)
class EarlierSearch:
    """The state that an earlier search left in a run directory.

    Attributes:
        manifest: Its manifest.
        records: Records of its trials, in the order of proposal.
    """

    manifest: Mapping[str, Any]
    records: tuple[TrialRecord, ...]

    @property
    def elapsed_s(self) -> float:
        """Seconds of the budget that were used, as far as recorded."""
        times = [t for r in self.records for t in (r.started_s, r.finished_s) if t is not None]
        return max([*times, float(self.manifest.get("elapsed_s", 0.0))])

    @property
    def threads_per_fit(self) -> int | None:
        """Threads of one fit; None if the search was killed before they were chosen."""
        threads: int | None = self.manifest.get("threads_per_fit")
        return threads

    @property
    def is_deterministic(self) -> bool:
        """Whether it began with a number of trials; see ``Budget``."""
        trials = self.manifest.get("budget", {}).get("trials")
        return bool(self.manifest.get("deterministic", trials is not None))


def read_earlier_search(run: RunDir) -> EarlierSearch:
    """Reads manifest and records.

    Raises:
        RunError: One is missing or damaged; the text names it.
    """
    manifest, records = read_json(run.manifest), read_records(run)
    for index, record in enumerate(records):
        if record.index != index:
            raise RunError(
                f"{run.trials} has {'two records' if record.index < index else 'no record'} of "
                f"trial number {min(index, record.index)} of the run: {record.trial_id} has "
                f"number {record.index}"
            )
    return EarlierSearch(manifest, tuple(records))


def restore_trials(earlier: EarlierSearch, controller: Controller) -> list[str]:
    """Adds the trials of an earlier search to a controller that has not started.

    Finished trials stay unchanged. Running ones, and those cut at the end of the search, continue;
    only folds that are incomplete on disk are fitted again.

    Args:
        earlier: The earlier search.
        controller: Controller of the same run.

    Returns:
        Notes for the user.

    Raises:
        RunError: The run has trials of a family that is not selected, or a damaged file that
            cannot be restored.
    """
    run, ledger, budget = controller.run, controller.ledger, controller.budget
    incumbent, proposer = controller.incumbent, controller.proposer
    keep_all = controller.config.search.keep_models == "all"
    notes: list[str] = []
    remove_staging(run.path)
    for record in earlier.records:
        trial = _trial_of(record, proposer)
        ledger.trials.append(trial)
        notes.extend(_check_files(trial, run, incumbent.oof.plan, keep_all))
        if trial.state is not TrialState.RUNNING:
            shed(trial, run)  # the killed process may not have done so
    for trial in ledger.trials:
        proposer.assign_generation(trial)
        _look_at(trial, incumbent)
        if trial.state is TrialState.COMPLETE and _has_models(trial, run):
            incumbent.add(trial)
    incumbent.update(earlier.elapsed_s)
    for trial in ledger.in_state(TrialState.RUNNING):
        if trial.first_loss is not None:
            trial.judge_first_fold(trial.first_loss, incumbent.gain(trial))
            if len(trial.results) > 1 or proposer.should_promote(trial):
                trial.promote()
            incumbent.predict_with_first_fold(trial)
    proposer.restore()
    n_running = len(ledger.in_state(TrialState.RUNNING))
    n_over = len(ledger.trials) - n_running
    summary = (
        f"resumed: {earlier.elapsed_s:.0f} s used, {n_over} trial{'s' * (n_over != 1)} finished, "
        f"{n_running} unfinished"
    )
    is_used_up = budget.trials is not None and len(ledger.trials) >= budget.trials
    if (is_used_up and not n_running) or budget.search_left_s() <= 0:
        totals = f"{named('time_s')} and {named('trials')}"
        summary += f". The budget is spent; {totals} are totals, so give a larger one"
    return [summary, *notes]


def _trial_of(record: TrialRecord, proposer: Proposer) -> Trial:
    name = record.spec.family
    if name not in proposer.families:
        raise RunError(f"{record.trial_id} is of family {name}, which is not among the families")
    fit_times = proposer.fit_times
    folds = fit_times.folds_of(record.spec, [r.fold for r in record.folds])
    return Trial.restored(record, folds, proposer.ledger.metric, is_by_time(fit_times.plan))


def _check_files(trial: Trial, run: RunDir, plan: SplitPlan, keep_all: bool) -> Sequence[str]:
    """Reopens folds whose needed files are incomplete; returns notes on them."""
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
    """Why a finished fold must be fitted again; None if its files are complete."""
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
            return f"{path} is damaged: its checksum is wrong"
    return f"{model} is missing" if needs_model and not model.is_dir() else None


def _has_models(trial: Trial, run: RunDir) -> bool:
    """Whether all models exist; those that no ensemble used may have been removed."""
    return all(run.model(trial.spec.trial_id, fold).is_dir() for fold in trial.folds)


def _look_at(trial: Trial, incumbent: EnsembleTracker) -> None:
    """Computes the loss on the first fold again, for the choice of families."""
    if trial.folds[0] in trial.results:
        with contextlib.suppress(RunError):  # of a trial that has ended and needs no predictions
            trial.judge_first_fold(incumbent.first_fold_loss(trial), trial.gain)
            if trial.state not in (TrialState.RUNNING, TrialState.COMPLETE):
                incumbent.begun.append(trial)
