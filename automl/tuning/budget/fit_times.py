"""Estimates the time of fits and trials from the budget and from earlier fits."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.plugin.out_of_bag import OutOfBagFamily
from automl.plugin.packs import PackedFamily
from automl.trial.spec import LONGER, TrialSpec
from automl.tuning.budget.budget import MAX_FIT_SHARE, Budget
from automl.tuning.problem.families import Families
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.newest_rows import in_order_of_fits, is_by_time
from automl.tuning.trials.trial import Trial

__all__ = ["FitTimes"]

UNKNOWN_SHARE = 0.5
CHEAP = 0.01  # of the core-seconds of the run
OUT_OF_BAG_SHARE = 3.0
LATEST = 20  # fits of each family
LONGER_FACTOR = 3.0
LONGER_SHARE = 0.8  # of the time left, which all folds of such a trial may take
FEW_FAMILIES, FEW_FACTOR = 2, 2.0  # with few families, one fit may take more of the time


@dataclass(slots=True)
class FitTimes:
    """Estimates how long a fit may take, how long it will take, and whether it ends in time.

    Attributes:
        families: Family and problem by name.
        plan: The split plan.
        ledger: All trials.
        budget: The budget of the run.
        n_slots: Fits that run side by side.
    """

    families: Families
    plan: SplitPlan
    ledger: Ledger
    budget: Budget
    n_slots: int

    @property
    def core_seconds(self) -> float:
        """Core-seconds of the whole run; infinite without a time budget."""
        return (self.budget.time_s or float("inf")) * self.n_slots

    def folds_of(self, spec: TrialSpec, done: Collection[int] = ()) -> tuple[int, ...]:
        """The fits of one complete trial, in their order: one per fold, or one on all rows.

        One fit on all rows needs out-of-bag predictions. These are honest only if no encoder was
        fitted on the target (see ``Encoding.uses_target``).

        Args:
            spec: The trial.
            done: Recorded fits; they decide, as an earlier version may have chosen otherwise.
        """
        if ALL_ROWS in done or (not done and self._is_out_of_bag(spec)):
            return (ALL_ROWS,)
        return in_order_of_fits(self.plan)

    def new_trial(self, spec: TrialSpec, index: int) -> Trial:
        """A trial that starts now, as number ``index`` of the run."""
        started_s, by_time = self.budget.elapsed_s, is_by_time(self.plan)
        return Trial(spec, index, self.folds_of(spec), started_s, ships_newest=by_time)

    def _is_out_of_bag(self, spec: TrialSpec) -> bool:
        family, problem = self.families[spec.family]
        if not isinstance(family, OutOfBagFamily) or not self.plan.exchangeable:
            return False
        try:
            return not family.encoding(spec.params, problem).uses_target(problem)
        except Exception:  # a plugin's code: the worker reports the error
            return False

    def _usual_folds(self, family: str) -> tuple[int, ...]:
        """The fits of the last trial of a family, or of its default before any trial."""
        trials = self.ledger.of_family(family)
        if trials:
            return trials[-1].folds
        member, problem = self.families[family]
        if not isinstance(member, OutOfBagFamily):
            return in_order_of_fits(self.plan)
        default = next(iter(member.portfolio(problem)), {})
        return self.folds_of(TrialSpec(family, 0, dict(default)))

    def fair_share_s(self, trial: Trial, search_left_s: float = math.inf) -> float | None:
        """Seconds that one fit of a trial should take; None without a time budget.

        Fits with params of a member of the ensemble, which used up their time before, may take
        three times as long, if all folds then end in time.

        Args:
            trial: The trial.
            search_left_s: Seconds left for fits.
        """
        share = self._share_s(trial.folds, self._n_slots(trial.spec.family))
        if share is not None and trial.spec.source == LONGER:
            rounds = self._rounds(trial.spec.family, len(trial.folds) - len(trial.results))
            return max(share, min(LONGER_FACTOR * share, LONGER_SHARE * search_left_s / rounds))
        if share is not None and self.plan.n_folds == 1 and len(self.families) <= FEW_FAMILIES:
            return share * FEW_FACTOR
        return share

    def job_share_s(self, units: Sequence[tuple[Trial, int]], search_left_s: float) -> float | None:
        """Seconds that these fits of one program should take; None without a time budget.

        Those of one trial have the time that they would have one after another. Those of several
        trials are worth more, and have more, up to the largest share of the run's time.

        Args:
            units: Trial and fold of each fit.
            search_left_s: Seconds left for fits.
        """
        first = units[0][0]
        share = self.fair_share_s(first, search_left_s)
        if share is None or self.budget.time_s is None:
            return None
        share *= min(len(units), len(first.folds))
        n_trials = len({trial.spec.trial_id for trial, _ in units})
        return max(share, min(share * math.sqrt(n_trials), MAX_FIT_SHARE * self.budget.time_s))

    def is_packed_on_gpu(self, name: str) -> bool:
        """Whether all folds of a trial of a family are fitted as one program on a GPU."""
        return isinstance(self.families[name][0], PackedFamily) and self._gpu_share(name) > 0.0

    def _gpu_share(self, name: str) -> float:
        """Share of a GPU that a fit of a family takes; 0.0 on a CPU."""
        family, problem = self.families[name]
        return min(1.0, family.resources(problem).n_gpus) if problem.n_gpus else 0.0

    def _n_slots(self, name: str) -> int:
        """Fits, or packs on GPUs, of a family that run side by side."""
        share = self._gpu_share(name)
        if share == 0.0:
            return self.n_slots
        n_gpus = self.families[name][1].n_gpus
        return n_gpus if self.is_packed_on_gpu(name) else n_gpus * int(1.0 / share + 1e-9)

    def _rounds(self, name: str, n_fits: int) -> int:
        """How often fits of one trial follow each other."""
        return 1 if self.is_packed_on_gpu(name) else math.ceil(n_fits / self._n_slots(name))

    def _share_s(self, folds: tuple[int, ...], n_slots: int) -> float | None:
        """As ``fair_share_s``, without the rules for few families and longer fits."""
        share = self.budget.fair_share_s(n_slots, self.plan.n_folds)
        if share is None or folds != (ALL_ROWS,):
            return share
        return share * min(self.plan.n_folds, OUT_OF_BAG_SHARE)

    @property
    def longest_encode_s(self) -> float:
        """Seconds of the longest encoding of a fold among the latest fits; 0 without any."""
        latest = (r for name in self.families for r in self.ledger.recent_results(name, LATEST))
        return max((result.encode_s for result in latest), default=0.0)

    def next_fit_s(self, trial: Trial) -> float:
        """Expected seconds of the next fit of a trial; 0 if unknown."""
        if trial.fold_s is not None:
            return trial.fold_s
        cost = self.ledger.complete_cost_s(trial.spec.family)
        return 0.0 if cost is None else cost / len(trial.folds)

    def next_job_s(self, trial: Trial) -> float:
        """Expected seconds until the next fit of a trial ends; 0 if unknown.

        A fit on a GPU ends with its pack. Its own seconds are those of the pack divided by the
        number of members.
        """
        name = trial.spec.family
        return (
            (self._pack_s(name) or 0.0) if self.is_packed_on_gpu(name) else self.next_fit_s(trial)
        )

    def _pack_s(self, name: str) -> float | None:
        """Median seconds of the latest packs of a family; None without any."""
        seen = self.ledger.recent_results(name, LATEST)
        return (
            median((r.fit_s + r.predict_s) * r.n_members + r.encode_s for r in seen)
            if seen
            else None
        )

    def remaining_folds_fit(self, trial: Trial, search_left_s: float) -> bool:
        """Whether all remaining folds of a trial are expected to end in time."""
        rounds = self._rounds(trial.spec.family, len(trial.waiting))
        return rounds * self.next_job_s(trial) <= search_left_s

    def rest_is_cheap(self, trial: Trial) -> bool:
        """Whether the remaining folds of a trial cost at most 1 % of the run's core-seconds."""
        return self.next_fit_s(trial) * len(trial.waiting) <= CHEAP * self.core_seconds

    def new_trial_fits(self, family: str, search_left_s: float) -> bool:
        """Whether a whole trial of a family is expected to end in time."""
        if search_left_s == float("inf"):
            return True
        folds = self._usual_folds(family)
        n_folds, cost = len(folds), self.ledger.complete_cost_s(family)
        # A share grows with the slots, but a fit on one of them takes no longer with more of them.
        n_slots = min(self._n_slots(family), self.plan.n_folds)
        guess = UNKNOWN_SHARE * (self._share_s(folds, n_slots) or 0.0)
        if self.is_packed_on_gpu(family):
            return (self._pack_s(family) or n_folds * guess) <= search_left_s
        unit = guess if cost is None else cost / n_folds
        return self._rounds(family, n_folds) * unit <= search_left_s
