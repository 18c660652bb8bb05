"""The controller's memory of trials: which folds are done, running, or waiting."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from automl.leaderboard import dominates
from automl.plugin.metric import Metric
from automl.search.events import FamilyCounts
from automl.search.pruning import Curve
from automl.trial.cost import Cost, cost_of
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState

__all__ = ["Ledger", "Trial"]

TYPICAL_TRIALS = 100  # more tell no more, and it is asked for again and again
CURVE_POINTS = 64  # of a complete fit, first and last included


@dataclass(slots=True)
class Trial:
    """One trial as the controller sees it.

    Attributes:
        spec: The trial.
        index: Number within the run, in the order of proposal.
        folds: The folds it needs, in the order they are run.
        started_s: Seconds since the start of the run.
        generation: Trials are compared with complete ones of earlier generations only, where
            the run must not depend on the order in which workers answer.
        state: How it stands.
        promoted: Whether folds after the first may run.
        gain: What it would add to the ensemble on the first fold, as a share of the way from
            the baseline; None before that is known.
        first_loss: Its loss on the rows of the first fold, comparable between families.
        steps: Reports of its fits by fold, as step and loss, in the order they came.
        errors: What ended fits of it, by fold.
        attempts: How often each fold was started again after its worker was lost.
        alone: Folds that ran out of GPU memory, or went down with their pack: when tried again
            they are fitted alone, and have a GPU to themselves.
        company: Trials that were proposed to be fitted as a pack have the same; "" for others.
        packed: Folds that are or were fitted as part of a pack.
        stages: Where a fit of it on all rows should end; see ``TrialRecord``.
        ships_newest: Whether one model, of the newest rows, predicts new rows, not one per fold.
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
    score: float | None = None
    score_se: float | None = None
    interval: tuple[float, float] | None = None
    error: TrialError | None = None
    finished_s: float | None = None
    cut_steps: tuple[tuple[int, float], ...] = ()
    results: dict[int, FoldResult] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    steps: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    errors: dict[int, TrialError] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)
    company: str = ""
    packed: set[int] = field(default_factory=set)
    stages: tuple[float, ...] = ()
    ships_newest: bool = False

    @property
    def waiting(self) -> list[int]:
        """Folds that are neither done nor running, in their order; none after one that failed."""
        if self.state is not TrialState.RUNNING or self.error is not None:
            return []
        wanted = itertools.takewhile(lambda f: f not in self.errors, self.folds)
        return [f for f in wanted if f not in self.results and f not in self.running]

    @property
    def ready(self) -> list[int]:
        """Folds that may start now: the first always, the others once it is promoted."""
        waiting = self.waiting
        return waiting if self.promoted else [f for f in waiting if f == self.folds[0]]

    @property
    def is_held(self) -> bool:
        """Whether it waits after its first fold because that promised no gain."""
        is_known = self.folds[0] in self.results
        return is_known and not self.running and bool(self.waiting) and not self.promoted

    @property
    def is_done(self) -> bool:
        """Whether every fold has its result."""
        return len(self.results) == len(self.folds)

    @property
    def unit_s(self) -> float | None:
        """Seconds of its longest finished fit, everything included; None without one."""
        return max((_seconds(r) for r in self.results.values()), default=None)

    @property
    def cost(self) -> Cost:
        """Of predicting new rows; folds that are not finished count as the others do."""
        if self.ships_newest:
            return cost_of(self.results.values(), newest_alone=True)
        return cost_of(self.results.values()).times(len(self.folds) / max(1, len(self.results)))

    def curve(self, metric: Metric, prune_on: str = "score") -> Curve:
        """Its losses in the objective that it is pruned by. Reports are of the score alone."""
        number, results = self.spec.number, self.results
        if prune_on != "score":
            costs = {f: getattr(cost_of([r]), prune_on) for f, r in results.items()}
            return Curve(number, costs, {})
        return Curve(
            number,
            {f: metric.loss(r.score) for f, r in results.items() if r.score is not None},
            self.steps,
        )

    def shed_reports(self) -> None:
        """Lets go of reports that nobody will ask for, once the trial is over and on disk.

        A fit may report thousands of times. Complete trials keep a thinned curve for the pruner.
        """
        self.results = {f: replace(r, steps=()) for f, r in self.results.items()}
        if self.state is not TrialState.COMPLETE:
            self.steps.clear()
        for fold, reports in self.steps.items():
            kept = np.linspace(0, len(reports) - 1, min(len(reports), CURVE_POINTS)).round()
            self.steps[fold] = [reports[int(place)] for place in kept]

    def record(self) -> TrialRecord:
        """What goes to disk.

        A fold that was condemned and ended all the same counts as not done: whether it could be
        stopped in time must not show.
        """
        results = tuple(self.results[f] for f in sorted(self.results) if f not in self.errors)
        return TrialRecord(
            spec=self.spec,
            index=self.index,
            state=self.state,
            folds=results,
            score=self.score,
            score_se=self.score_se,
            interval=self.interval,
            error=self.error,
            cut_steps=self.cut_steps,
            started_s=self.started_s,
            finished_s=self.finished_s,
            stages=self.stages,
        )


def _seconds(result: FoldResult) -> float:
    return result.encode_s + result.fit_s + result.predict_s


@dataclass(slots=True)
class Ledger:
    """All trials of a run, in the order of proposal.

    Attributes:
        metric: What trials are judged by.
        trials: The trials; they are added at the end, and stay.
        objectives: What is optimised.
        prune_on: The objective that trials are pruned by.
    """

    metric: Metric
    trials: list[Trial] = field(default_factory=list)
    objectives: Sequence[str] = ("score",)
    prune_on: str = "score"
    _by_family: dict[str, list[Trial]] = field(default_factory=dict)
    _n_sorted: int = 0

    def find(self, trial_id: str) -> Trial:
        """The trial of this id."""
        return next(t for t in reversed(self.trials) if t.spec.trial_id == trial_id)

    def of(self, family: str) -> Sequence[Trial]:
        """The trials of a family."""
        for trial in self.trials[self._n_sorted :]:
            self._by_family.setdefault(trial.spec.family, []).append(trial)
        self._n_sorted = len(self.trials)
        return self._by_family.get(family, ())

    def in_state(self, *states: TrialState) -> list[Trial]:
        """The trials in these states."""
        return [t for t in self.trials if t.state in states]

    def curve(self, trial: Trial) -> Curve:
        """What the pruner sees of a trial."""
        return trial.curve(self.metric, self.prune_on)

    def cut_steps(self, trial: Trial) -> tuple[tuple[int, float], ...]:
        """What the fit that ended a trial had reported until then, as (step, score)."""
        if trial.error is None or trial.error.fold in trial.results:
            return ()
        reports = trial.steps.get(trial.error.fold, ())
        return tuple((step, self.metric.loss(loss)) for step, loss in reports)  # its own inverse

    def peers(self, trial: Trial) -> list[Curve]:
        """Complete trials of the same family that a trial may be compared with."""
        return [self.curve(t) for t in self._peers(trial)]

    def n_peers(self, trial: Trial) -> int:
        """How many trials a trial may be compared with."""
        return len(self._peers(trial))

    def _peers(self, trial: Trial) -> list[Trial]:
        return [
            t
            for t in self.of(trial.spec.family)
            if t.state is TrialState.COMPLETE and t.generation < trial.generation
        ]

    def losses(self, trial: Trial) -> tuple[float, ...]:
        """What a complete trial has in each objective; lower is better."""
        return self._losses(trial, self.metric.loss(trial.score or 0.0))

    def may_be_on_front(self, trial: Trial) -> bool:
        """Whether no complete trial is better in all of several objectives, by the first fold."""
        if len(self.objectives) == 1 or trial.first_loss is None:
            return False
        own = self._losses(trial, trial.first_loss)
        return not any(
            dominates(self._losses(t, t.first_loss), own)
            for t in self.in_state(TrialState.COMPLETE)
            if t.first_loss is not None
        )

    def _losses(self, trial: Trial, loss: float) -> tuple[float, ...]:
        cost = trial.cost
        return tuple(loss if name == "score" else getattr(cost, name) for name in self.objectives)

    def idle_trials(self, family: str, min_gain: float) -> int:
        """Trials of a family since the last one that promised to improve the ensemble."""
        gains = [t.gain for t in self.of(family)]
        useful = [i for i, gain in enumerate(gains) if gain is None or gain > min_gain]
        return len(gains) - 1 - max(useful, default=-1)

    def complete_cost_s(self, family: str) -> float | None:
        """Typical seconds of a complete trial, from the latest that had fits; None without any."""
        seen = (t.unit_s * len(t.folds) for t in reversed(self.of(family)) if t.unit_s is not None)
        costs = list(itertools.islice(seen, TYPICAL_TRIALS))
        return median(costs) if costs else None

    def last_results(self, family: str, n: int) -> list[FoldResult]:
        """The results of at most so many finished fits of a family, of its latest trials."""
        results = (r for t in reversed(self.of(family)) for r in t.results.values())
        return list(itertools.islice(results, n))

    def best(self) -> Trial | None:
        """The best complete trial."""
        complete = [t for t in self.in_state(TrialState.COMPLETE) if t.score is not None]
        return min(complete, key=self._rank, default=None)

    def _rank(self, trial: Trial) -> tuple[float, int]:
        return self.metric.loss(trial.score or 0.0), trial.index

    def counts(self, families: Iterable[str]) -> dict[str, FamilyCounts]:
        """Trials by state, and the best score, of each family."""
        return {name: _count(self.of(name), self.metric) for name in families}

    def failures(self) -> tuple[tuple[str, int], ...]:
        """Causes of failed trials with their counts, most frequent first."""
        causes: dict[str, int] = {}
        for trial in self.in_state(TrialState.FAILED):
            if trial.error is not None:
                first_line = next(iter(trial.error.message.splitlines()), trial.error.kind)
                cause = f"{trial.spec.family}: {first_line[:200]}"
                causes[cause] = causes.get(cause, 0) + 1
        return tuple(sorted(causes.items(), key=lambda c: (-c[1], c[0])))


def _count(trials: Sequence[Trial], metric: Metric) -> FamilyCounts:
    def number(*states: TrialState) -> int:
        return sum(t.state in states for t in trials)

    held = sum(t.is_held for t in trials)
    scores = [t.score for t in trials if t.state is TrialState.COMPLETE and t.score is not None]
    return FamilyCounts(
        complete=number(TrialState.COMPLETE),
        running=number(TrialState.RUNNING) - held,
        pruned=number(TrialState.PRUNED) + held,
        cut=number(TrialState.OUT_OF_TIME, TrialState.INTERRUPTED),
        failed=number(TrialState.FAILED),
        best_score=min(scores, key=metric.loss, default=None),
    )
