"""The main loop of a search: starts fits while there is budget, and handles their results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from automl.config.schema import SearchConfig
from automl.events import EnsembleUpdated, Event, Note
from automl.scheduling.executor import Done, Executor, Failed, Pruned, Reported
from automl.scheduling.runner import JobRunner, RunnerEvent
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import Job, JobKey, TrialError, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.incumbent.drift import tell_of_drift
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.incumbent.limits import check_latency, check_latency_s
from automl.tuning.loop.dispatcher import Dispatcher
from automl.tuning.loop.end_reasons import (
    cut_short,
    held,
    out_of_time,
    score_trial,
    shed,
)
from automl.tuning.loop.progress import finished, make_progress, started
from automl.tuning.problem.families import Families
from automl.tuning.propose.proposer import Proposer
from automl.tuning.prune.pruner import note_lost, should_prune_fit, should_prune_trial
from automl.tuning.refit.at_end import expected_refit_s
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.outcomes import SHARED_FAILURES
from automl.tuning.trials.trial import Ending, Stopped, Trial, as_error

__all__ = ["NO_MORE_GAINS", "Controller"]

NO_MORE_GAINS = "no more gains"
"""Why a search ended that ``search.stop_early`` stopped."""

TICK_S = 0.2
STALLS_TO_STOP = 2  # spans without a gain: in the first, other work than new params is tried


@dataclass(slots=True)
class Controller:
    """Runs a search to its end; iterate over ``events`` to drive it.

    Attributes:
        run: The run directory, with data, split plan and configuration in place.
        config: The configuration.
        families: Family and problem by name.
        runner: Runs the fits.
        proposer: Proposes trials.
        dispatcher: Chooses the next fit.
        incumbent: The best ensemble so far.
        ledger: All trials.
        budget: The budget.
        stopped_by: Why the search ended; "" until then.
    """

    run: RunDir
    config: SearchConfig
    families: Families
    runner: JobRunner
    proposer: Proposer
    dispatcher: Dispatcher
    incumbent: EnsembleTracker
    ledger: Ledger
    budget: Budget
    stopped_by: str = ""
    _noted: set[str] = field(default_factory=set)
    _last_stage: str = ""
    _last_progress: float = 0.0

    @property
    def executor(self) -> Executor:
        """The executor of the fits."""
        return self.runner.executor

    def begin(self) -> Iterator[Event]:
        """Runs the fits of a new search that need no worker, such as those of the baseline.

        So there is a predictor before the first worker is started.
        """
        while True:
            yield from self._fill_slots(self.executor.is_immediate)
            ended = self.runner.poll(0.0)
            if not ended:
                break
            for event in ended:
                yield from self._handle(event)
        yield from self._update_ensemble()

    def events(self) -> Iterator[Event]:
        """Searches until the budget is used up, and yields its events.

        Raises:
            StorageError: The disk is full or read-only, or writing is not permitted. Running fits
                stay recorded as running, as after a crash.
        """
        yield from self._continue_resumed()
        while not self.stopped_by:
            yield from self._fill_slots()
            # No device waits for this: all that are free have been given work.
            yield from self._update_ensemble()
            yield from self.progress("searching")
            self.proposer.ask_ahead(self._search_left_s())
            self.stopped_by = self._why_stop()
            for event in self.runner.poll(TICK_S):
                yield from self._handle(event)
            yield from self._notes()
        yield from self._stop_running()
        yield from self.progress("finishing")
        self.incumbent.finish()
        drift = tell_of_drift(self.incumbent, self.ledger.trials)
        told = (*drift, *check_latency(self.incumbent, self.config))
        for text in (*told, *self.incumbent.look_ahead()):
            yield Note(text, self.budget.elapsed_s)
        ensemble = self.incumbent.current
        if ensemble is not None:
            yield EnsembleUpdated(ensemble.score, ensemble.weights, self.budget.elapsed_s)

    def _continue_resumed(self) -> Iterator[Event]:
        """Continues the unfinished trials of an earlier search in the run, if any."""
        if self.ledger.trials:
            for trial in self.proposer.complete_generation():
                yield started(trial)
        for trial in self.ledger.in_state(TrialState.RUNNING):
            if trial.is_over:
                yield from self._conclude(trial)

    def _search_left_s(self) -> float:
        """Seconds left for fits; more while there is no predictor yet."""
        finish_s = self.incumbent.selection_s + check_latency_s(self.incumbent, self.config)
        n_slots, budget = self.proposer.fit_times.n_slots, self.budget
        refit_s = expected_refit_s(self.incumbent, n_slots, budget.haste)
        left = budget.search_left_s(finish_s, refit_s)
        return left if self.incumbent.current is not None else budget.last_chance_s

    def _why_stop(self) -> str:
        """Reason to end the search now; "" if there is none."""
        if self.runner.interrupted():
            return "interrupt"
        if self._search_left_s() <= 0:
            return "time"
        if self.config.search.stop_early and self.proposer.is_stalled(STALLS_TO_STOP):
            return NO_MORE_GAINS
        if any(t.running for t in self.ledger.trials):
            return ""
        if self.budget.trials is not None and len(self.ledger.trials) >= self.budget.trials:
            return "trials"
        return "exhausted" if self.proposer.is_exhausted else "time"  # nothing else ends in time

    def _fill_slots(self, may_start: Callable[[Job], bool] = lambda job: True) -> Iterator[Event]:
        """Starts fits until no device is free, there is nothing to fit, or one may not start."""
        while not self.runner.interrupted():
            fit, proposed = self.dispatcher.next_fit(self._search_left_s())
            for trial in proposed:
                yield started(trial)
            if fit is None:
                return
            jobs = self.dispatcher.jobs(fit, self._search_left_s())
            if not may_start(jobs[0]):
                self.executor.release(fit.lease)
                return
            for trial, fold in fit.pack_of:
                trial.start_fold(fold, in_pack=bool(fit.pack_mates))
            family, _ = self.families[fit.trial.spec.family]
            self.runner.submit(jobs, fit.lease, frozenset(family.preload))

    def _handle(self, event: RunnerEvent) -> Iterator[Event]:
        trial, fold = self.ledger.find(event.job_id.trial_id), event.job_id.fold
        if isinstance(event, Reported):
            self._on_progress(trial, fold, event)
            return
        trial.leave_fold(fold)
        if isinstance(event, Done):
            self._on_done(trial, event)
        elif isinstance(event, Failed):
            self._on_failed(trial, fold, event.error)
        elif isinstance(event, Pruned):
            trial.end_fold(fold, Stopped("pruned", f"stopped at step {event.step}", fold))
            self._prune_or_kill(trial)
        if trial.is_over:
            yield from self._conclude(trial)
        else:
            write_record(self.run, trial.record(self.ledger.metric))

    def _on_progress(self, trial: Trial, fold: int, report: Reported) -> None:
        if trial.ending is not None or fold in trial.ended or not math.isfinite(report.score):
            return
        trial.report(fold, report.step, self.ledger.metric.loss(report.score))
        stopped = should_prune_fit(trial, fold, self.ledger, self.config.pruner)
        if stopped is not None:
            trial.end_fold(fold, stopped)
            self._prune_or_kill(trial)
            if trial.ending is None:  # folds before it may still decide
                self.executor.prune(JobKey(trial.spec.trial_id, fold))

    def _on_done(self, trial: Trial, done: Done) -> None:
        fold = done.result.fold
        trial.complete_fold(done.result)
        note_lost(trial, self.run)
        if fold == trial.folds[0] and fold not in trial.ended:
            self._on_first_fold(trial)
        self._prune_or_kill(trial)

    def _on_first_fold(self, trial: Trial) -> None:
        """Promotes a trial to its other folds, unless time is limited and it promises no gain."""
        trial.judge_first_fold(self.incumbent.first_fold_loss(trial), self.incumbent.gain(trial))
        if self.proposer.longer_fits.is_copy(trial):
            trial.condemn(Stopped("pruned", "more time gives the same model", trial.folds[0]))
        elif self.proposer.should_promote(trial):
            trial.promote()
        self.incumbent.predict_with_first_fold(trial)

    def _on_failed(self, trial: Trial, fold: int, error: TrialError) -> None:
        late = error.kind == "timeout" and self._search_left_s() < 1.0
        with_others = fold in trial.packed_folds and error.kind in SHARED_FAILURES
        crowded = error.kind == "cuda_oom" or (with_others and not late)
        if crowded and fold not in trial.solo_folds and trial.ending is None:
            trial.retry_alone(fold)  # another fit of the pack may have used the memory, or the time
            return
        trial.end_fold(fold, out_of_time(trial) if late else error)
        self._prune_or_kill(trial)

    def _prune_or_kill(self, trial: Trial) -> None:
        """Ends the fits of a trial that failed or that is losing."""
        if trial.ending is not None:
            return
        pruner, in_order = self.config.pruner, self.proposer.deterministic
        ending = should_prune_trial(trial, self.ledger, pruner, in_order)
        if ending is None:
            return
        trial.condemn(ending)
        for fold in trial.running:
            job_id = JobKey(trial.spec.trial_id, fold)
            if isinstance(ending, Stopped) and not ending.may_go_on:
                self.executor.prune(job_id)
            else:
                self.executor.kill(job_id, as_error(ending))

    def _ended_by_fit(self, trial: Trial) -> Ending | None:
        """Which of its fits ends a trial that is cut; where order counts, none out of its turn."""
        if self.proposer.deterministic:
            return should_prune_trial(trial, self.ledger, self.config.pruner, in_order=True)
        return next(iter(trial.ended.values()), None)

    def _conclude(self, trial: Trial) -> Iterator[Event]:
        """Ends a trial: sets its state, writes its record, tells its study, yields the event."""
        elapsed_s = self.budget.elapsed_s
        if trial.ending is None:
            score_trial(trial, self.incumbent)
        trial.finish(elapsed_s)
        record = trial.record(self.ledger.metric)
        write_record(self.run, record)
        shed(trial, self.run)
        self.proposer.on_trial_end(trial)
        yield finished(record, elapsed_s)

    def _notes(self) -> Iterator[Event]:
        for text in self.dispatcher.notes():
            yield Note(text, self.budget.elapsed_s)
        for name, why in self.proposer.stopped.items():
            if name not in self._noted:
                self._noted.add(name)
                yield Note(f"family {name} gets no more trials: {why}", self.budget.elapsed_s)

    def _update_ensemble(self) -> Iterator[Event]:
        ensemble = self.incumbent.update(self.budget.elapsed_s)
        if ensemble is not None:
            yield EnsembleUpdated(ensemble.score, ensemble.weights, self.budget.elapsed_s)

    def _stop_running(self) -> Iterator[Event]:
        """Stops running fits, and concludes incomplete trials."""
        self.runner.stop()
        for trial in self.ledger.in_state(TrialState.RUNNING):
            for fold in list(trial.running):
                trial.leave_fold(fold)
            note_lost(trial, self.run)
            if trial.ending is None:
                why = held(trial) if trial.is_held else cut_short(trial, self.stopped_by)
                trial.condemn(self._ended_by_fit(trial) or why)
            yield from self._conclude(trial)
        self.proposer.tell_studies()
        yield from self._notes()

    def progress(self, stage: str) -> Iterator[Event]:
        """Yields the state of the search, at most once per tick and stage."""
        now = self.budget.elapsed_s
        if stage == self._last_stage and now - self._last_progress < TICK_S:
            return
        self._last_stage, self._last_progress = stage, now
        running = tuple(map(str, self.runner.running))
        yield make_progress(self.ledger, self.incumbent, self.budget, self.families, stage, running)
