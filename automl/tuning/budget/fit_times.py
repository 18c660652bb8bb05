"""What fits and trials are expected to cost in time, from the budget and from what was seen."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.plugin.out_of_bag import OutOfBagFamily
from automl.trial.spec import TrialSpec
from automl.tuning.budget.budget import Budget
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.newest import in_order_of_fits, is_by_time
from automl.tuning.trials.trial import Trial

__all__ = ["Costs"]

UNKNOWN_SHARE = 0.5
CHEAP = 0.01  # of the core-seconds of the run
OUT_OF_BAG_SHARE = 3.0
LATEST = 20  # fits of each family
FEW_FAMILIES, FEW_FACTOR = 2, 2.0  # families so few need not leave as much time for others


@dataclass(slots=True)
class Costs:
    """Tells how long a fit may take, how long it will take, and what fits into the time.

    Attributes:
        families: Family and shape by name.
        plan: The split plan.
        ledger: All trials.
        budget: The budget of the run.
        n_slots: Fits that run side by side.
    """

    families: Mapping[str, tuple[ModelFamily, Shape]]
    plan: SplitPlan
    ledger: Ledger
    budget: Budget
    n_slots: int

    @property
    def core_seconds(self) -> float:
        """What the whole run has; infinite without a time budget."""
        return (self.budget.time_s or float("inf")) * self.n_slots

    def folds_of(self, spec: TrialSpec, done: Collection[int] = ()) -> tuple[int, ...]:
        """The fits of one complete trial, in their order: one per fold, or one on all rows.

        One on all rows is for families with honest predictions of the rows they learn from, which
        they are only where no encoding has looked at the target (see ``View.uses_target``).

        Args:
            spec: The trial.
            done: Fits that are on record: an earlier version may have chosen otherwise.
        """
        if ALL_ROWS in done or (not done and self._is_out_of_bag(spec)):
            return (ALL_ROWS,)
        return in_order_of_fits(self.plan)

    def new_trial(self, spec: TrialSpec, index: int) -> Trial:
        """A trial that starts now, as number ``index`` of the run."""
        started_s, by_time = self.budget.elapsed_s, is_by_time(self.plan)
        return Trial(spec, index, self.folds_of(spec), started_s, ships_newest=by_time)

    def _is_out_of_bag(self, spec: TrialSpec) -> bool:
        family, shape = self.families[spec.family]
        if not isinstance(family, OutOfBagFamily) or not self.plan.exchangeable:
            return False
        try:
            return not family.view(spec.params, shape).uses_target(shape)
        except Exception:  # code of a plugin: the worker says what it is
            return False

    def _usual_folds(self, family: str) -> tuple[int, ...]:
        """The fits of the last trial of a family, or of its default before any."""
        trials = self.ledger.of(family)
        if trials:
            return trials[-1].folds
        member, shape = self.families[family]
        if not isinstance(member, OutOfBagFamily):
            return in_order_of_fits(self.plan)
        default = next(iter(member.portfolio(shape)), {})
        return self.folds_of(TrialSpec(family, 0, dict(default)))

    def fair_share_s(self, trial: Trial) -> float | None:
        """Seconds that one fit of a trial should take; None without a time budget."""
        share = self._share_s(trial.folds)
        if share is not None and self.plan.n_folds == 1 and len(self.families) <= FEW_FAMILIES:
            return share * FEW_FACTOR
        return share

    def _share_s(self, folds: tuple[int, ...]) -> float | None:
        """The same where there are many families, for a trial of these fits."""
        share = self.budget.fair_share_s(self.n_slots, self.plan.n_folds)
        if share is None or folds != (ALL_ROWS,):
            return share
        return share * min(self.plan.n_folds, OUT_OF_BAG_SHARE)

    @property
    def longest_encode_s(self) -> float:
        """Seconds of the longest encoding of a fold among the latest fits; 0 without any."""
        latest = (r for name in self.families for r in self.ledger.last_results(name, LATEST))
        return max((result.encode_s for result in latest), default=0.0)

    def next_fit_s(self, trial: Trial) -> float:
        """Seconds that the next fit of a trial is expected to take; 0 when nothing is known."""
        if trial.unit_s is not None:
            return trial.unit_s
        cost = self.ledger.complete_cost_s(trial.spec.family)
        return 0.0 if cost is None else cost / len(trial.folds)

    def rest_fits(self, trial: Trial, search_left_s: float) -> bool:
        """Whether all folds that are left of a trial are expected to end in time."""
        rounds = math.ceil(len(trial.waiting) / self.n_slots)
        return rounds * self.next_fit_s(trial) <= search_left_s

    def rest_is_cheap(self, trial: Trial) -> bool:
        """Whether the folds that are left of a trial cost next to nothing."""
        return self.next_fit_s(trial) * len(trial.waiting) <= CHEAP * self.core_seconds

    def new_trial_fits(self, family: str, search_left_s: float) -> bool:
        """Whether a whole trial of a family is expected to end in time."""
        if search_left_s == float("inf"):
            return True
        folds = self._usual_folds(family)
        n_folds, cost = len(folds), self.ledger.complete_cost_s(family)
        guess = UNKNOWN_SHARE * (self._share_s(folds) or 0.0)
        unit = guess if cost is None else cost / n_folds
        return math.ceil(n_folds / self.n_slots) * unit <= search_left_s
