"""A trial during the search: the state machine of its folds, and its losses."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from automl.plugin.metric import Metric
from automl.trial.inference_cost import InferenceCost, cost_of
from automl.trial.spec import (
    CUT_SHORT,
    FoldResult,
    TrialError,
    TrialRecord,
    TrialSpec,
    TrialState,
)

__all__ = ["Ending", "Stopped", "Trial", "TrialLosses", "as_error"]

CURVE_POINTS = 64  # of a complete fit, first and last included
STOPPED_STATES = {
    "pruned": TrialState.PRUNED,
    "held": TrialState.PRUNED,
    "out_of_time": TrialState.OUT_OF_TIME,
    "interrupted": TrialState.INTERRUPTED,
}


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why the search ended a trial, or one of its fits, without a failure.

    Attributes:
        kind: ``pruned``, ``held``, ``out_of_time`` or ``interrupted``; see ``TrialError``.
        message: One line for people.
        fold: The fold it was stopped in.
    """

    kind: str
    message: str
    fold: int = 0

    @property
    def may_go_on(self) -> bool:
        """Whether a resumed search continues the trial, as the reason is not its quality."""
        return self.kind in CUT_SHORT


Ending: TypeAlias = Stopped | TrialError
"""Why a trial, or one of its fits, ended incomplete: it was stopped, or it failed."""


def as_error(ending: Ending) -> TrialError:
    """The ending in the form that is recorded and shown."""
    if isinstance(ending, TrialError):
        return ending
    return TrialError(ending.kind, ending.message, fold=ending.fold)


@dataclass(frozen=True, slots=True)
class TrialLosses:
    """The losses of one trial.

    Attributes:
        number: Number of the trial within its family.
        folds: Loss of each finished fold.
        steps: For each fold, the reported losses as (step, loss), in order.
    """

    number: int
    folds: Mapping[int, float]
    steps: Mapping[int, Sequence[tuple[int, float]]]


@dataclass(slots=True)
class Trial:
    """One trial. Other classes read its fields; only its methods change them.

    Attributes:
        spec: The trial.
        index: Number within the run, in the order of proposal.
        folds: The folds it needs, in the order they are run.
        started_s, finished_s: Seconds since the start of the run.
        generation: The trial is compared only with complete ones of earlier generations, so that
            the run need not depend on the order in which workers answer.
        state: Running until ``finish``.
        promoted: Whether folds after the first may run.
        gain: Gain of the ensemble from it on the first fold, as a share of the ensemble's
            improvement on the baseline; None until known.
        first_loss: Its loss on the rows of the first fold, comparable between families.
        loss: Loss of its out-of-fold predictions: its score, lower is better.
        score_se, interval: See ``TrialRecord``.
        ending: Why it ends incomplete; its fits may still run.
        results: Results of its finished folds.
        running: Folds that are being fitted.
        reports: Reports of its fits by fold, as step and loss, in the order they came.
        ended: Why its fits ended, by fold, in that order.
        solo_folds: Folds that ran out of GPU memory or failed with their pack: they are retried
            alone, with a whole GPU.
        pack_id: Common to trials proposed as one pack; "" for others.
        packed_folds: Folds that are or were fitted as part of a pack.
        stages: Where a fit of it on all rows should end; see ``TrialRecord``.
        ships_newest: Whether one model of the newest rows predicts new rows, not one per fold.
    """

    spec: TrialSpec
    index: int
    folds: tuple[int, ...]
    started_s: float
    generation: int = 0
    state: TrialState = TrialState.RUNNING
    promoted: bool = False
    gain: float | None = None
    first_loss: float | None = None
    loss: float | None = None
    score_se: float | None = None
    interval: tuple[float, float] | None = None
    ending: Ending | None = None
    finished_s: float | None = None
    results: dict[int, FoldResult] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    reports: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    ended: dict[int, Ending] = field(default_factory=dict)
    solo_folds: set[int] = field(default_factory=set)
    pack_id: str = ""
    packed_folds: set[int] = field(default_factory=set)
    stages: tuple[float, ...] = ()
    ships_newest: bool = False

    @classmethod
    def restored(
        cls, record: TrialRecord, folds: tuple[int, ...], metric: Metric, ships_newest: bool
    ) -> Trial:
        """A trial from its record in an earlier search; running again if it may continue.

        Args:
            record: The record.
            folds: The folds it needs, in the order they are run.
            metric: Metric of the run.
            ships_newest: See ``Trial``.
        """
        ending: Ending | None = record.error
        if record.error is not None and record.error.kind in STOPPED_STATES:
            ending = Stopped(record.error.kind, record.error.message, record.error.fold)
        cut = isinstance(ending, Stopped) and ending.may_go_on
        return cls(
            spec=record.spec,
            index=record.index,
            folds=folds,
            started_s=record.started_s,
            state=TrialState.RUNNING if cut else record.state,
            loss=None if record.score is None else metric.loss(record.score),
            score_se=record.score_se,
            interval=record.interval,
            ending=None if cut else ending,
            finished_s=None if cut else record.finished_s,
            results={result.fold: result for result in record.folds},
            reports={r.fold: _in_losses(r.steps, metric) for r in record.folds if r.steps},
            stages=record.stages,
            ships_newest=ships_newest,
        )

    @property
    def waiting(self) -> list[int]:
        """Folds that are neither done nor running, in order; none after one that has ended."""
        if self.state is not TrialState.RUNNING or self.ending is not None:
            return []
        wanted = itertools.takewhile(lambda f: f not in self.ended, self.folds)
        return [f for f in wanted if f not in self.results and f not in self.running]

    @property
    def ready(self) -> list[int]:
        """Folds that may start now: the first always, the others once it is promoted."""
        waiting = self.waiting
        return waiting if self.promoted else [f for f in waiting if f == self.folds[0]]

    @property
    def is_held(self) -> bool:
        """Whether it is deferred after its first fold, which promised no gain."""
        is_known = self.folds[0] in self.results
        return is_known and not self.running and bool(self.waiting) and not self.promoted

    @property
    def is_done(self) -> bool:
        """Whether every fold has its result."""
        return len(self.results) == len(self.folds)

    @property
    def is_over(self) -> bool:
        """Whether no fit of it runs, and none will."""
        return not self.running and (self.ending is not None or self.is_done)

    @property
    def error(self) -> TrialError | None:
        """Why it failed; None if it did not."""
        return self.ending if isinstance(self.ending, TrialError) else None

    @property
    def may_go_on(self) -> bool:
        """Whether a resumed search would continue it."""
        return isinstance(self.ending, Stopped) and self.ending.may_go_on

    @property
    def fold_s(self) -> float | None:
        """Seconds of its longest finished fit, with encoding and predicting; None without one."""
        return max((_seconds(r) for r in self.results.values()), default=None)

    @property
    def cost(self) -> InferenceCost:
        """Cost of predicting new rows; unfinished folds count as the mean of the others."""
        if self.ships_newest:
            return cost_of(self.results.values(), newest_alone=True)
        return cost_of(self.results.values()).times(len(self.folds) / max(1, len(self.results)))

    def score(self, metric: Metric) -> float | None:
        """Its score as users see it; None without one."""
        return None if self.loss is None else metric.loss(self.loss)

    def curve(self, metric: Metric, prune_on: str = "score") -> TrialLosses:
        """Its losses in the objective that it is pruned by; reports exist for the score only."""
        number, results = self.spec.number, self.results
        if prune_on != "score":
            costs = {f: getattr(cost_of([r]), prune_on) for f, r in results.items()}
            return TrialLosses(number, costs, {})
        return TrialLosses(
            number,
            {f: metric.loss(r.score) for f, r in results.items() if r.score is not None},
            self.reports,
        )

    def assign_generation(self, generation: int) -> None:
        """Sets its generation; it is compared with complete trials of earlier ones."""
        self.generation = generation

    def join_pack(self, company: str) -> None:
        """Joins a pack, which fits all folds at once."""
        self.pack_id = company
        self.promote()

    def promote(self) -> None:
        """Allows the folds after the first to run."""
        self.promoted = True

    def start_fold(self, fold: int, in_pack: bool = False) -> None:
        """Marks a fold as running, and drops the reports of an earlier attempt."""
        self.running.add(fold)
        self.reports.pop(fold, None)
        if in_pack:
            self.packed_folds.add(fold)

    def report(self, fold: int, step: int, loss: float) -> None:
        """Adds a report of a fit."""
        self.reports.setdefault(fold, []).append((step, loss))

    def leave_fold(self, fold: int) -> None:
        """Marks a fold as not running; without a result or an ending it is fitted again."""
        self.running.discard(fold)

    def complete_fold(self, result: FoldResult) -> None:
        """Adds the result of a fold."""
        self.results[result.fold] = result

    def end_fold(self, fold: int, ending: Ending) -> None:
        """Records why a fit gives no result; the first reason stays."""
        self.ended.setdefault(fold, ending)

    def retry_alone(self, fold: int) -> None:
        """Makes a fit run again, without others beside it."""
        self.solo_folds.add(fold)

    def judge_first_fold(self, loss: float | None, gain: float | None) -> None:
        """Sets the loss and the gain on the first fold."""
        self.first_loss, self.gain = loss, gain

    def condemn(self, ending: Ending) -> None:
        """Ends the trial incomplete, once its fits have ended."""
        self.ending = ending

    def settle(self, results: Iterable[FoldResult], stages: tuple[float, ...]) -> None:
        """Replaces results by those at the stages that other folds chose."""
        self.results |= {result.fold: result for result in results}
        self.stages = stages or self.stages

    def take_loss(
        self,
        loss: float | None,
        score_se: float | None = None,
        interval: tuple[float, float] | None = None,
    ) -> None:
        """Sets the loss of its out-of-fold predictions, its error and interval; None if unknown."""
        self.loss, self.score_se, self.interval = loss, score_se, interval

    def finish(self, finished_s: float) -> None:
        """Sets the final state; ``finished_s`` is in seconds since the start of the run."""
        self.finished_s = finished_s
        if self.ending is None:
            self.state = TrialState.COMPLETE
        elif isinstance(self.ending, Stopped):
            self.state = STOPPED_STATES[self.ending.kind]
        else:
            self.state = TrialState.FAILED

    def reopen(self, lost: Collection[int]) -> None:
        """Sets the trial to running again, and removes the results of folds to fit again."""
        for fold in lost:
            del self.results[fold]
            self.reports.pop(fold, None)
        self.state = TrialState.RUNNING
        self.finished_s = None
        self.take_loss(None)

    def drop_reports(self) -> None:
        """Drops reports that are no longer needed, once the trial has ended and is on disk.

        A fit may report thousands of times. Complete trials keep a thinned curve for the pruner.
        """
        self.results = {f: replace(r, steps=()) for f, r in self.results.items()}
        if self.state is not TrialState.COMPLETE:
            self.reports.clear()
        for fold, reports in self.reports.items():
            kept = np.linspace(0, len(reports) - 1, min(len(reports), CURVE_POINTS)).round()
            self.reports[fold] = [reports[int(place)] for place in kept]

    def record(self, metric: Metric) -> TrialRecord:
        """Its record, with scores for losses: ``Metric.loss`` is its own inverse.

        A fold that finished after the pruner had stopped it counts as not done, so that the record
        does not depend on which came first.
        """
        ending, reports = self.ending, list[tuple[int, float]]()
        if ending is not None and self.state is not TrialState.RUNNING:
            reports = [] if ending.fold in self.results else self.reports.get(ending.fold, [])
        return TrialRecord(
            spec=self.spec,
            index=self.index,
            state=self.state,
            folds=tuple(self.results[f] for f in sorted(self.results) if f not in self.ended),
            score=self.score(metric),
            score_se=self.score_se,
            interval=self.interval,
            error=None if ending is None else as_error(ending),
            cut_steps=tuple(_in_losses(reports, metric)),
            started_s=self.started_s,
            finished_s=self.finished_s,
            stages=self.stages,
        )


def _in_losses(reports: Iterable[tuple[int, float]], metric: Metric) -> list[tuple[int, float]]:
    return [(step, metric.loss(score)) for step, score in reports]


def _seconds(result: FoldResult) -> float:
    return result.encode_s + result.fit_s + result.predict_s
