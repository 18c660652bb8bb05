"""THE loop: while there is budget, a free slot gets the next fit, and every answer is acted on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from automl.config.schema import SearchConfig
from automl.errors import StorageError
from automl.events import EnsembleUpdated, Event, Note
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.scheduling.local.executor import Executor, Happening
from automl.scheduling.local.messages import Done, Failed, Progressed, Pruned, Unwritable
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import Job, TrialError, TrialState
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
    state_after,
)
from automl.tuning.loop.progress import finished, progress_of, started
from automl.tuning.propose.proposer import Proposer
from automl.tuning.prune.pruner import fit_verdict, note_lost, take_in, verdict
from automl.tuning.refit.at_end import expected_refit_s
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

__all__ = ["Controller"]

TICK_S = 0.2
MAX_ATTEMPTS = 3
SHARED = frozenset({"crash", "memory", "oom"})  # kinds of errors that a pack has in common


@dataclass(slots=True)
class Controller:
    """Runs a search to its end. Iterate over ``events``; everything else follows from it.

    Attributes:
        run: The run directory, with data, split plan and configuration in place.
        config: The configuration.
        families: Family and shape by name.
        executor: Where fits run.
        proposer: What is tried next.
        dispatcher: Which fit a free device gets.
        standing: The ensemble so far.
        ledger: All trials.
        budget: The budget.
        interrupted: Asked at every turn: whether the user wants the search to finish now.
        stopped_by: What ended the search, once it is over.
    """

    run: RunDir
    config: SearchConfig
    families: Mapping[str, tuple[ModelFamily, Shape]]
    executor: Executor
    proposer: Proposer
    dispatcher: Dispatcher
    standing: Standing
    ledger: Ledger
    budget: Budget
    interrupted: Callable[[], bool]
    stopped_by: str = ""
    _noted: set[str] = field(default_factory=set)
    _last_progress: float = 0.0

    def begin(self) -> Iterator[Event]:
        """Makes the fits of a new search that need no worker, such as those of the baseline.

        So there is something to predict with before the first worker is started.
        """
        while True:
            yield from self._fill_slots(self.executor.is_immediate)
            happenings = self.executor.poll(0.0)
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
            yield from self._progress("searching")
            self.proposer.prepare(self._search_left_s())
            self.stopped_by = self._why_stop()
            for happening in self.executor.poll(TICK_S):
                yield from self._handle(happening)
            yield from self._notes()
        yield from self._stop_running()
        yield from self._progress("finishing", force=True)
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
            if trial.error is not None or trial.is_done:
                yield from self._conclude(trial)

    def _search_left_s(self) -> float:
        """Seconds until fits must be over; more while there is nothing to predict with."""
        finish_s = self.standing.selection_s + look_s(self.standing, self.config)
        refit_s = expected_refit_s(self.standing, self.proposer.costs.n_slots)
        left = self.budget.search_left_s(finish_s, refit_s)
        return left if self.standing.current is not None else self.budget.last_chance_s

    def _why_stop(self) -> str:
        """What ends the search now; "" when nothing does."""
        if self.interrupted():
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
        while not self.interrupted():
            fit, proposed = self.dispatcher.next_fit(self._search_left_s())
            for trial in proposed:
                yield started(trial)
            if fit is None:
                return
            jobs = self.dispatcher.jobs(fit, self._search_left_s())
            if not may_start(jobs[0]):
                self.executor.pool.release(fit.lease)
                return
            for trial, fold in fit.units:
                trial.running.add(fold)
                trial.steps.pop(fold, None)
                if fit.mates:
                    trial.packed.add(fold)
            family, _ = self.families[fit.trial.spec.family]
            self.executor.submit(jobs, fit.lease, frozenset(family.preload))

    def _handle(self, happening: Happening) -> Iterator[Event]:
        if isinstance(happening, Unwritable):
            raise StorageError(happening.why)
        trial_id, _, fold_name = happening.job_id.partition("/fold-")
        trial, fold = self.ledger.find(trial_id), int(fold_name)
        if isinstance(happening, Progressed):
            self._on_progress(trial, fold, happening)
            return
        trial.running.discard(fold)
        if isinstance(happening, Done):
            self._on_done(trial, happening)
        elif isinstance(happening, Failed):
            self._on_failed(trial, fold, happening.error)
        elif isinstance(happening, Pruned):
            stopped = TrialError("pruned", f"stopped at step {happening.step}", fold=fold)
            trial.errors.setdefault(fold, stopped)
            self._judge(trial)
        if not trial.running and (trial.error is not None or trial.is_done):
            yield from self._conclude(trial)
        else:
            write_record(self.run, trial.record())

    def _on_progress(self, trial: Trial, fold: int, report: Progressed) -> None:
        if trial.error is not None or fold in trial.errors or not math.isfinite(report.score):
            return
        loss = self.ledger.metric.loss(report.score)
        trial.steps.setdefault(fold, []).append((report.step, loss))
        error = fit_verdict(trial, fold, self.ledger, self.config.pruner)
        if error is not None:
            trial.errors[fold] = error
            self._judge(trial)
            if trial.error is None:  # folds ahead of it are still to speak
                self.executor.prune(f"{trial.spec.trial_id}/fold-{fold}")

    def _on_done(self, trial: Trial, done: Done) -> None:
        fold = done.result.fold
        take_in(trial, done.result, self.run)
        if fold == trial.folds[0] and fold not in trial.errors:
            self._on_first_fold(trial)
        self._judge(trial)

    def _on_first_fold(self, trial: Trial) -> None:
        """Promotes a trial to its other folds, unless the clock matters and it adds nothing."""
        trial.first_loss = self.standing.first_fold_loss(trial)
        trial.gain = self.standing.gain(trial)
        trial.promoted = self.proposer.is_worthwhile(trial)
        self.standing.first_unit(trial)

    def _on_failed(self, trial: Trial, fold: int, error: TrialError) -> None:
        attempts = trial.attempts.get(fold, 0) + 1
        if error.kind == "killed" and attempts < MAX_ATTEMPTS and trial.error is None:
            trial.attempts[fold] = attempts  # somebody else's doing: it is queued again
            return
        crowded = error.kind == "cuda_oom" or (fold in trial.packed and error.kind in SHARED)
        if crowded and fold not in trial.alone and trial.error is None:
            trial.alone.add(fold)  # its neighbours may have had what it lacked, or done it
            return
        late = error.kind == "timeout" and self._search_left_s() < 1.0
        trial.errors.setdefault(fold, out_of_time(trial) if late else error)
        self._judge(trial)

    def _judge(self, trial: Trial) -> None:
        """Ends the fits of a trial that failed or that is losing."""
        if trial.error is not None:
            return
        pruner, in_order = self.config.pruner, self.proposer.by_generation
        error = trial.error = verdict(trial, self.ledger, pruner, in_order)
        if error is None:
            return
        for fold in trial.running:
            job_id = f"{trial.spec.trial_id}/fold-{fold}"
            if error.kind == "pruned":
                self.executor.prune(job_id)
            else:
                self.executor.kill(job_id, error)

    def _conclude(self, trial: Trial) -> Iterator[Event]:
        """Ends a trial: its state, its record, its study, and the news of it."""
        trial.finished_s = elapsed_s = self.budget.elapsed_s
        if trial.error is None:
            score_trial(trial, self.standing)
        if trial.error is None:
            trial.state = TrialState.COMPLETE
        else:
            trial.state = state_after(trial.error)
            trial.cut_steps = self.ledger.cut_steps(trial)
        write_record(self.run, trial.record())
        shed(trial, self.run)
        self.proposer.conclude(trial)
        yield finished(trial, elapsed_s)

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
        self.executor.stop()
        for trial in self.ledger.in_state(TrialState.RUNNING):
            trial.running.clear()
            note_lost(trial, self.run)
            if trial.error is None:
                over = interrupted if self.stopped_by == "interrupt" else out_of_time
                why = held(trial) if trial.is_held else over(trial)
                trial.error = next(iter(trial.errors.values()), why)
            yield from self._conclude(trial)
        self.proposer.flush()
        yield from self._notes()

    def _progress(self, stage: str, force: bool = False) -> Iterator[Event]:
        now = time.monotonic()
        if not force and now - self._last_progress < TICK_S:
            return
        self._last_progress = now
        yield progress_of(self.ledger, self.standing, self.budget, self.families, stage)
