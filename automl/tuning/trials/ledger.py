"""The controller's list of trials, with queries by family, state and objective."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from automl.events import FamilyCounts
from automl.leaderboard import dominates
from automl.plugin.metric import Metric
from automl.trial.spec import FoldResult, TrialState
from automl.tuning.trials.trial import Trial, TrialLosses

__all__ = ["Ledger"]

TYPICAL_TRIALS = 100  # a median of more is not better, and it is computed often


@dataclass(slots=True)
class Ledger:
    """All trials of a run, in the order of proposal.

    Attributes:
        metric: Metric that trials are compared by.
        trials: The trials; they are appended, and never removed.
        objectives: Names of the objectives.
        prune_on: Objective that trials are pruned by.
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

    def of_family(self, family: str) -> Sequence[Trial]:
        """The trials of a family."""
        for trial in self.trials[self._n_sorted :]:
            self._by_family.setdefault(trial.spec.family, []).append(trial)
        self._n_sorted = len(self.trials)
        return self._by_family.get(family, ())

    def in_state(self, *states: TrialState) -> list[Trial]:
        """The trials in these states."""
        return [t for t in self.trials if t.state in states]

    def curve(self, trial: Trial) -> TrialLosses:
        """Losses of a trial for the pruner."""
        return trial.curve(self.metric, self.prune_on)

    def peers(self, trial: Trial) -> list[TrialLosses]:
        """Complete trials of the same family that a trial may be compared with."""
        return [self.curve(t) for t in self._peers(trial)]

    def n_peers(self, trial: Trial) -> int:
        """Number of trials that a trial may be compared with."""
        return len(self._peers(trial))

    def _peers(self, trial: Trial) -> list[Trial]:
        return [
            t
            for t in self.of_family(trial.spec.family)
            if t.state is TrialState.COMPLETE and t.generation < trial.generation
        ]

    def losses(self, trial: Trial) -> tuple[float, ...]:
        """Losses of a complete trial, one per objective; lower is better."""
        return self._losses(trial, trial.loss or 0.0)

    def may_be_pareto_optimal(self, trial: Trial) -> bool:
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

    def trials_since_gain(self, family: str, min_gain: float) -> int:
        """Trials of a family since the last one that promised to improve the ensemble."""
        gains = [t.gain for t in self.of_family(family)]
        useful = [i for i, gain in enumerate(gains) if gain is None or gain > min_gain]
        return len(gains) - 1 - max(useful, default=-1)

    def complete_cost_s(self, family: str) -> float | None:
        """Median seconds of a complete trial, from the latest with fits; None without any."""
        seen = (
            t.fold_s * len(t.folds)
            for t in reversed(self.of_family(family))
            if t.fold_s is not None
        )
        costs = list(itertools.islice(seen, TYPICAL_TRIALS))
        return median(costs) if costs else None

    def recent_results(self, family: str, n: int) -> list[FoldResult]:
        """Results of up to ``n`` finished fits of a family, from its latest trials."""
        results = (r for t in reversed(self.of_family(family)) for r in t.results.values())
        return list(itertools.islice(results, n))

    def best(self) -> Trial | None:
        """The best complete trial."""
        complete = [t for t in self.in_state(TrialState.COMPLETE) if t.loss is not None]
        return min(complete, key=lambda t: (t.loss, t.index), default=None)

    def counts(self, families: Iterable[str]) -> dict[str, FamilyCounts]:
        """Trials by state, and the best score, of each family."""
        return {name: _count(self.of_family(name), self.metric) for name in families}

    def failures(self) -> tuple[tuple[str, int], ...]:
        """Causes of failed trials with their counts, most frequent first."""
        causes: Counter[str] = Counter()
        for trial in self.in_state(TrialState.FAILED):
            if trial.error is not None:
                first_line = next(iter(trial.error.message.splitlines()), trial.error.kind)
                causes[f"{trial.spec.family}: {first_line[:200]}"] += 1
        return tuple(sorted(causes.items(), key=lambda c: (-c[1], c[0])))


def _count(trials: Sequence[Trial], metric: Metric) -> FamilyCounts:
    def number(*states: TrialState) -> int:
        return sum(t.state in states for t in trials)

    held = sum(t.is_held for t in trials)
    losses = [t.loss for t in trials if t.state is TrialState.COMPLETE and t.loss is not None]
    return FamilyCounts(
        complete=number(TrialState.COMPLETE),
        running=number(TrialState.RUNNING) - held,
        pruned=number(TrialState.PRUNED) + held,
        cut=number(TrialState.OUT_OF_TIME, TrialState.INTERRUPTED),
        failed=number(TrialState.FAILED),
        best_score=metric.loss(min(losses)) if losses else None,
    )
