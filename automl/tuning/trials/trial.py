"""A trial as the controller sees it: its folds, its losses, and how it stands."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from automl.plugin.metric import Metric
from automl.trial.inference_cost import Cost, cost_of
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState

__all__ = ["Trial", "TrialLosses"]

CURVE_POINTS = 64  # of a complete fit, first and last included


@dataclass(frozen=True, slots=True)
class TrialLosses:
    """The losses of one trial.

    Attributes:
        number: Number of the trial within its family.
        folds: Loss of each finished fold.
        steps: For each fold, the reported losses as (step, loss) in the order of the steps.
    """

    number: int
    folds: Mapping[int, float]
    steps: Mapping[int, Sequence[tuple[int, float]]]


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

    def curve(self, metric: Metric, prune_on: str = "score") -> TrialLosses:
        """Its losses in the objective that it is pruned by. Reports are of the score alone."""
        number, results = self.spec.number, self.results
        if prune_on != "score":
            costs = {f: getattr(cost_of([r]), prune_on) for f, r in results.items()}
            return TrialLosses(number, costs, {})
        return TrialLosses(
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

        A fold that the pruner stopped, and whose fit ended all the same, counts as not done: the
        record must not depend on which of the two was first.
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
