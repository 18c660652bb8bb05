"""THE loop: while there is budget, a free slot gets the next fit, and every answer is acted on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from automl.config.schema import SearchConfig
from automl.events import EnsembleUpdated, Event, Note
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.scheduling.executor import Done, Executor, Failed, Progressed, Pruned
from automl.scheduling.runner import JobRunner, RunnerEvent
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import Job, JobKey, TrialError, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.incumbent.drift import tell_of_drift
from automl.tuning.incumbent.ensemble_tracker import Standing
from automl.tuning.incumbent.limits import look_at_predictor, look_s
from automl.tuning.loop.dispatcher import Dispatcher
from automl.tuning.loop.endings import (
    held,
    interrupted,
    out_of_time,
    score_trial,
    shed,
)
from automl.tuning.loop.progress import finished, progress_of, started
from automl.tuning.propose.proposer import Proposer
from automl.tuning.prune.pruner import fit_verdict, note_lost, verdict
from automl.tuning.refit.at_end import expected_refit_s
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Stopped, Trial, as_error

__all__ = ["Controller"]

TICK_S = 0.2
SHARED = frozenset({"crash", "memory", "oom"})  # kinds of errors that a pack has in common


@dataclass(slots=True)
class Controller:
    """Runs a search to its end. Iterate over ``events``; everything else follows from it.

    Attributes:
        run: The run directory, with data, split plan and configuration in place.
        config: The configuration.
        families: Family and shape by name.
        runner: Runs the fits.
        proposer: What is tried next.
        dispatcher: Which fit a free device gets.
        standing: The ensemble so far.
        ledger: All trials.
        budget: The budget.
        stopped_by: What ended the search, once it is over.
    """

    run: RunDir
    config: SearchConfig
    families: Mapping[str, tuple[ModelFamily, Shape]]
    runner: JobRunner
    proposer: Proposer
    dispatcher: Dispatcher
    standing: Standing
    ledger: Ledger
    budget: Budget
    stopped_by: str = ""
    _noted: set[str] = field(default_factory=set)
    _last_stage: str = ""
    _last_progress: float = 0.0

    @property
    def executor(self) -> Executor:
        """Where fits run."""
        return self.runner.executor

    def begin(self) -> Iterator[Event]:
        """Makes the fits of a new search that need no worker, such as those of the baseline.

        So there is something to predict with before the first worker is started.
        """
        while True:
            yield from self._fill_slots(self.executor.is_immediate)
            happenings = self.runner.poll(0.0)
            if not happenings:
                break
            for happening in happenings:
                yield from self._handle(happening)
        yield from self._update_ensemble()

    def events(self) -> Iterator[Event]:
        """Searches until the budget is used up, and yields what happens.

        Raises:
            StorageError: The disk is full, read-only or closed to us. What was running counts as
                running still, as after a crash.
        """
        yield from self._take_up()
        while not self.stopped_by:
            yield from self._fill_slots()
            # No device waits for what comes until the next answer.
            yield from self._update_ensemble()
            yield from self.progress("searching")
            self.proposer.prepare(self._search_left_s())
            self.stopped_by = self._why_stop()
            for happening in self.runner.poll(TICK_S):
                yield from self._handle(happening)
            yield from self._notes()
        yield from self._stop_running()
        yield from self.progress("finishing")
        self.standing.finish()
        drift = tell_of_drift(self.standing, self.ledger.trials)
        told = (*drift, *look_at_predictor(self.standing, self.config))
        for text in (*told, *self.standing.look_ahead()):
            yield Note(text, self.budget.elapsed_s)
        ensemble = self.standing.current
        if ensemble is not None:
            yield EnsembleUpdated(ensemble.score, ensemble.weights, self.budget.elapsed_s)

    def _take_up(self) -> Iterator[Event]:
        """Begins where an earlier search in the run was cut, if there was one."""
        if self.ledger.trials:
            for trial in self.proposer.complete_generation():
                yield started(trial)
        for trial in self.ledger.in_state(TrialState.RUNNING):
            if trial.is_over:
                yield from self._conclude(trial)

    def _search_left_s(self) -> float:
        """Seconds until fits must be over; more while there is nothing to predict with."""
        finish_s = self.standing.selection_s + look_s(self.standing, self.config)
        refit_s = expected_refit_s(self.standing, self.proposer.costs.n_slots)
        left = self.budget.search_left_s(finish_s, refit_s)
        return left if self.standing.current is not None else self.budget.last_chance_s

    def _why_stop(self) -> str:
        """What ends the search now; "" when nothing does."""
        if self.runner.interrupted():
            return "interrupt"
        if self._search_left_s() <= 0:
            return "time"
        if any(t.running for t in self.ledger.trials):
            return ""
        if self.budget.trials is not None and len(self.ledger.trials) >= self.budget.trials:
            return "trials"
        return "exhausted" if self.proposer.is_exhausted else "time"  # nothing more fits in

    def _fill_slots(self, may_start: Callable[[Job], bool] = lambda job: True) -> Iterator[Event]:
        """Starts fits until no device is free, nothing is to be done, or one may not start."""
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
            for trial, fold in fit.units:
                trial.start_fold(fold, in_pack=bool(fit.mates))
            family, _ = self.families[fit.trial.spec.family]
            self.runner.submit(jobs, fit.lease, frozenset(family.preload))

    def _handle(self, happening: RunnerEvent) -> Iterator[Event]:
        trial, fold = self.ledger.find(happening.job_id.trial_id), happening.job_id.fold
        if isinstance(happening, Progressed):
            self._on_progress(trial, fold, happening)
            return
        trial.leave_fold(fold)
        if isinstance(happening, Done):
            self._on_done(trial, happening)
        elif isinstance(happening, Failed):
            self._on_failed(trial, fold, happening.error)
        elif isinstance(happening, Pruned):
            trial.end_fold(fold, Stopped("pruned", f"stopped at step {happening.step}", fold))
            self._judge(trial)
        if trial.is_over:
            yield from self._conclude(trial)
        else:
            write_record(self.run, trial.record(self.ledger.metric))

    def _on_progress(self, trial: Trial, fold: int, report: Progressed) -> None:
        if trial.ending is not None or fold in trial.ended or not math.isfinite(report.score):
            return
        trial.report(fold, report.step, self.ledger.metric.loss(report.score))
        stopped = fit_verdict(trial, fold, self.ledger, self.config.pruner)
        if stopped is not None:
            trial.end_fold(fold, stopped)
            self._judge(trial)
            if trial.ending is None:  # folds ahead of it are still to speak
                self.executor.prune(JobKey(trial.spec.trial_id, fold))

    def _on_done(self, trial: Trial, done: Done) -> None:
        fold = done.result.fold
        trial.complete_fold(done.result)
        note_lost(trial, self.run)
        if fold == trial.folds[0] and fold not in trial.ended:
            self._on_first_fold(trial)
        self._judge(trial)

    def _on_first_fold(self, trial: Trial) -> None:
        """Promotes a trial to its other folds, unless the clock matters and it adds nothing."""
        trial.judge_first_fold(self.standing.first_fold_loss(trial), self.standing.gain(trial))
        if self.proposer.is_worthwhile(trial):
            trial.promote()
        self.standing.first_unit(trial)

    def _on_failed(self, trial: Trial, fold: int, error: TrialError) -> None:
        crowded = error.kind == "cuda_oom" or (fold in trial.packed and error.kind in SHARED)
        if crowded and fold not in trial.alone and trial.ending is None:
            trial.retry_alone(fold)  # its neighbours may have had what it lacked, or done it
            return
        late = error.kind == "timeout" and self._search_left_s() < 1.0
        trial.end_fold(fold, out_of_time(trial) if late else error)
        self._judge(trial)

    def _judge(self, trial: Trial) -> None:
        """Ends the fits of a trial that failed or that is losing."""
        if trial.ending is not None:
            return
        pruner, in_order = self.config.pruner, self.proposer.by_generation
        ending = verdict(trial, self.ledger, pruner, in_order)
        if ending is None:
            return
        trial.condemn(ending)
        for fold in trial.running:
            job_id = JobKey(trial.spec.trial_id, fold)
            if isinstance(ending, Stopped) and not ending.may_go_on:
                self.executor.prune(job_id)
            else:
                self.executor.kill(job_id, as_error(ending))

    def _conclude(self, trial: Trial) -> Iterator[Event]:
        """Ends a trial: its state, its record, its study, and the news of it."""
        elapsed_s = self.budget.elapsed_s
        if trial.ending is None:
            score_trial(trial, self.standing)
        trial.finish(elapsed_s)
        record = trial.record(self.ledger.metric)
        write_record(self.run, record)
        shed(trial, self.run)
        self.proposer.conclude(trial)
        yield finished(record, elapsed_s)

    def _notes(self) -> Iterator[Event]:
        for text in self.dispatcher.notes():
            yield Note(text, self.budget.elapsed_s)
        for name, why in self.proposer.stopped.items():
            if name not in self._noted:
                self._noted.add(name)
                yield Note(f"family {name} gets no more trials: {why}", self.budget.elapsed_s)

    def _update_ensemble(self) -> Iterator[Event]:
        ensemble = self.standing.update(self.budget.elapsed_s)
        if ensemble is not None:
            yield EnsembleUpdated(ensemble.score, ensemble.weights, self.budget.elapsed_s)

    def _stop_running(self) -> Iterator[Event]:
        """Ends what runs, and concludes what is not complete."""
        self.runner.stop()
        for trial in self.ledger.in_state(TrialState.RUNNING):
            for fold in list(trial.running):
                trial.leave_fold(fold)
            note_lost(trial, self.run)
            if trial.ending is None:
                over = interrupted if self.stopped_by == "interrupt" else out_of_time
                why = held(trial) if trial.is_held else over(trial)
                trial.condemn(next(iter(trial.ended.values()), why))
            yield from self._conclude(trial)
        self.proposer.flush()
        yield from self._notes()

    def progress(self, stage: str) -> Iterator[Event]:
        """Tells how the search stands, if that has not just been told of this stage."""
        now = time.monotonic()
        if stage == self._last_stage and now - self._last_progress < TICK_S:
            return
        self._last_stage, self._last_progress = stage, now
        running = tuple(map(str, self.runner.running))
        yield progress_of(self.ledger, self.standing, self.budget, self.families, stage, running)
