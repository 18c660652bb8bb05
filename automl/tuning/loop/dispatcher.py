"""Chooses the next fit, a trial and a fold, for a free device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from automl.plugin.context import Resources
from automl.scheduling.devices.pool import BlockingResource, Lease
from automl.scheduling.executor import Executor
from automl.trial.setup import derive_seed
from automl.trial.spec import Job, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import FitTimes
from automl.tuning.budget.resources import ResourceEstimator
from automl.tuning.loop.stalled_trials import StalledTrials
from automl.tuning.problem.families import Families
from automl.tuning.propose.packs import TrialFold
from automl.tuning.propose.proposer import Proposer
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

__all__ = ["Assignment", "Dispatcher"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A fold of a trial to be fitted now on leased devices, with the other fits of its pack."""

    trial: Trial
    fold: int
    lease: Lease
    pack_mates: Sequence[TrialFold] = ()

    @property
    def pack_of(self) -> list[TrialFold]:
        """All fits, its own first."""
        return [(self.trial, self.fold), *self.pack_mates]


@dataclass(slots=True)
class Dispatcher:
    """Chooses the next fit: ready folds in the order of their trials, then new trials.

    Attributes:
        families: Family and problem by name.
        executor: Leases devices.
        proposer: Proposes trials.
        ledger: All trials.
        budget: The budget.
        fit_times: Expected times of fits and trials.
        seed: Seed of the run.
        resources: Expected resources of fits.
        stalled: Trials that wait for devices.
    """

    families: Families
    executor: Executor
    proposer: Proposer
    ledger: Ledger
    budget: Budget
    fit_times: FitTimes
    seed: int
    resources: ResourceEstimator
    stalled: StalledTrials = field(default_factory=StalledTrials)
    _waits_for_memory: bool = False
    _pack_waits: bool = False

    def next_fit(self, search_left_s: float) -> tuple[Assignment | None, Sequence[Trial]]:
        """The next fit that has a free device, if any, and the trials proposed for it.

        A fit that is not expected to end in time is not started.

        Args:
            search_left_s: Seconds left for fits.
        """
        live = self.ledger.in_state(TrialState.RUNNING)
        fit = self._first(live, search_left_s)
        if fit is not None or self._waits_for_memory or not self._is_anything_free():
            return fit, ()
        excluded = self._without_gpu()
        proposed = self.proposer.propose(search_left_s, excluded)
        if not proposed and self._revive(live, search_left_s):
            return self._first(live, search_left_s), ()
        proposed = proposed or self.proposer.propose(search_left_s, excluded, idle=True)
        return self._first(proposed, search_left_s), proposed

    def _revive(self, live: Sequence[Trial], search_left_s: float) -> bool:
        """Promotes the most promising trial deferred after its first fold, if one ends in time.

        Its family has brought gains; a new trial of a family without any is worth less.
        """
        held = [t for t in live if t.waiting and t.results]
        fitting = [t for t in held if self.fit_times.remaining_folds_fit(t, search_left_s)]
        if not fitting:
            return False
        min(fitting, key=lambda t: (-(t.gain or 0.0), t.index)).promote()
        return True

    def jobs(self, fit: Assignment, search_left_s: float) -> list[Job]:
        """The jobs of a fit, each with its seed; they share their limits.

        Args:
            fit: The fit, with its lease.
            search_left_s: Seconds left for fits.
        """
        share = self.fit_times.job_share_s(fit.pack_of, search_left_s)
        limit = self.budget.kill_after_s(share)
        encode_limit = self.budget.encode_limit_s(limit, self.fit_times.longest_encode_s)
        end = None if search_left_s == float("inf") else max(0.0, search_left_s)
        return [
            Job(
                spec=trial.spec,
                fold=fold,
                seed=derive_seed(self.seed, trial.spec.family, trial.spec.number, fold),
                n_threads=fit.lease.n_cpus,
                device=fit.lease.device,
                time_limit_s=share,
                deadline_s=limit,
                encode_limit_s=encode_limit,
                end_s=end,
            )
            for trial, fold in fit.pack_of
        ]

    def notes(self) -> list[str]:
        """Texts on trials that have waited for a while, with the reason."""
        now_s, executor = self.budget.elapsed_s, self.executor
        live = self.ledger.in_state(TrialState.RUNNING)
        needs = {t.spec.trial_id: self._need(t) for t in live if t.ready and not t.running}
        short = {trial: executor.shortage(need) for trial, need in needs.items()}
        self.stalled.update({trial: s for trial, s in short.items() if s is not None}, now_s)
        return [
            f"{trial} waits for {executor.wait_reason(needs[trial])}"
            for trial, _ in self.stalled.due(now_s)
        ]

    def _is_anything_free(self) -> bool:
        return self.executor.shortage(Resources(ram_gib=0.0)) is None

    def _without_gpu(self) -> frozenset[str]:
        """Families that would have to wait for a GPU, while others can use the cores."""
        executor, wants_gpu = self.executor, self.executor.capacity().wants_gpu
        needs = {name: self.resources.estimate(name) for name in self.families}
        return frozenset(
            name
            for name, need in needs.items()
            if executor.shortage(need) is BlockingResource.GPU
            or (self._pack_waits and wants_gpu(need))
        )

    def _first(self, trials: Sequence[Trial], search_left_s: float) -> Assignment | None:
        """The first fit that may start; None if one before it waits for memory alone.

        Smaller fits that overtake it would use that memory again and again; likewise, single fits
        on a GPU would overtake a pack that waits for a whole one. Fits on a GPU come before
        others, which would use the core that feeds it.
        """
        self._waits_for_memory = self._pack_waits = False
        packing, executor = self.proposer.packing, self.executor
        wants_gpu = executor.capacity().wants_gpu
        ready = [(t, self._need(t)) for t in trials if t.ready]
        for trial, need in sorted(ready, key=lambda pair: not wants_gpu(pair[1])):
            is_for_gpu = wants_gpu(need)
            if (is_for_gpu and self._pack_waits) or not self._fits(trial, search_left_s):
                continue
            units = packing.pack_of(trial, trials, search_left_s)
            if len(units) > 1 and is_for_gpu:
                need = packing.need(units)
            lease = executor.try_lease(need, trial.spec.trial_id)
            if lease is not None:
                return Assignment(trial, trial.ready[0], lease, units[1:])
            shortage = executor.shortage(need)
            if shortage is BlockingResource.MEMORY:
                self._waits_for_memory = True
                return None
            self._pack_waits |= len(units) > 1 and shortage is BlockingResource.GPU
        return None

    def _fits(self, trial: Trial, search_left_s: float) -> bool:
        return search_left_s == float("inf") or self.fit_times.next_job_s(trial) <= search_left_s

    def _need(self, trial: Trial) -> Resources:
        """Resources of the next fit of a trial."""
        return self.resources.estimate(trial.spec.family, alone=trial.ready[0] in trial.solo_folds)
