"""Which (trial, fold) a free device gets next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automl.plugin.context import Resources, Shape
from automl.plugin.family import ModelFamily
from automl.scheduling.devices.pool import Lease, Shortage
from automl.scheduling.executor import Executor
from automl.trial.setup import seed_of
from automl.trial.spec import Job, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import Costs
from automl.tuning.budget.resources import Needs
from automl.tuning.loop.waiting import Waiting
from automl.tuning.propose.packs import Unit
from automl.tuning.propose.proposer import Proposer
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

__all__ = ["Dispatcher", "Fit"]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fold of a trial that is to be fitted now, on leased devices, and those of its pack."""

    trial: Trial
    fold: int
    lease: Lease
    mates: Sequence[Unit] = ()

    @property
    def units(self) -> list[Unit]:
        """All that is fitted."""
        return [(self.trial, self.fold), *self.mates]


@dataclass(slots=True)
class Dispatcher:
    """Chooses the next fit: ready folds in the order of their trials, then new trials.

    Attributes:
        families: Family and shape by name.
        executor: Leases devices.
        proposer: Proposes trials.
        ledger: All trials.
        budget: The budget.
        costs: What trials are expected to cost.
        seed: Of the run.
        needs: What fits need.
        waiting: Which trials are held up.
    """

    families: Mapping[str, tuple[ModelFamily, Shape]]
    executor: Executor
    proposer: Proposer
    ledger: Ledger
    budget: Budget
    costs: Costs
    seed: int
    needs: Needs
    waiting: Waiting = field(default_factory=Waiting)
    _waits_for_memory: bool = False
    _pack_waits: bool = False

    def next_fit(self, search_left_s: float) -> tuple[Fit | None, Sequence[Trial]]:
        """The next fit a device is free for, if any, and the trials that were proposed for it.

        A fit that is not expected to end in time is not started.

        Args:
            search_left_s: Seconds until fits must be over.
        """
        live = self.ledger.in_state(TrialState.RUNNING)
        fit = self._first(live, search_left_s)
        if fit is not None or self._waits_for_memory or not self._is_anything_free():
            return fit, ()
        barred = self._without_gpu()
        proposed = self.proposer.propose(search_left_s, barred)
        if not proposed and self._revive(live, search_left_s):
            return self._first(live, search_left_s), ()
        proposed = proposed or self.proposer.propose(search_left_s, barred, idle=True)
        return self._first(proposed, search_left_s), proposed

    def _revive(self, live: Sequence[Trial], search_left_s: float) -> bool:
        """Promotes the most promising trial that was held back after its first fold, if any fits.

        Its family is where gains came from; a new trial of one that gives none is worth less.
        """
        held = [t for t in live if t.waiting and t.results]
        fitting = [t for t in held if self.costs.rest_fits(t, search_left_s)]
        if not fitting:
            return False
        min(fitting, key=lambda t: (-(t.gain or 0.0), t.index)).promote()
        return True

    def jobs(self, fit: Fit, search_left_s: float) -> list[Job]:
        """The jobs of a fit, each with its seed; they share their limits.

        Args:
            fit: What is fitted where.
            search_left_s: Seconds until fits must be over.
        """
        share = self.costs.fair_share_s(fit.trial)
        if share is not None:
            share *= min(len(fit.units), len(fit.trial.folds))
        limit = self.budget.kill_after_s(share)
        encode_limit = self.budget.encode_limit_s(limit, self.costs.longest_encode_s)
        end = None if search_left_s == float("inf") else max(0.0, search_left_s)
        return [
            Job(
                spec=trial.spec,
                fold=fold,
                seed=seed_of(self.seed, trial.spec.family, trial.spec.number, fold),
                n_threads=fit.lease.n_cpus,
                device=fit.lease.device,
                time_limit_s=share,
                deadline_s=limit,
                encode_limit_s=encode_limit,
                end_s=end,
            )
            for trial, fold in fit.units
        ]

    def notes(self) -> list[str]:
        """Says of trials that have been held up for a while what they wait for."""
        now_s, executor = self.budget.elapsed_s, self.executor
        live = self.ledger.in_state(TrialState.RUNNING)
        needs = {t.spec.trial_id: self._need(t) for t in live if t.ready and not t.running}
        short = {trial: executor.shortage(need) for trial, need in needs.items()}
        self.waiting.update({trial: s for trial, s in short.items() if s is not None}, now_s)
        return [
            f"{trial} waits for {executor.wait_reason(needs[trial])}"
            for trial, _ in self.waiting.due(now_s)
        ]

    def _is_anything_free(self) -> bool:
        return self.executor.shortage(Resources(ram_gib=0.0)) is None

    def _without_gpu(self) -> frozenset[str]:
        """Families that would have to wait for a GPU: others can use the cores meanwhile."""
        executor, wants_gpu = self.executor, self.executor.capacity().wants_gpu
        needs = {name: self.needs.of(name) for name in self.families}
        return frozenset(
            name
            for name, need in needs.items()
            if executor.shortage(need) is Shortage.GPU or (self._pack_waits and wants_gpu(need))
        )

    def _first(self, trials: Sequence[Trial], search_left_s: float) -> Fit | None:
        """The first fit that may start; none while one before it waits for memory alone.

        Smaller fits that go ahead would take what it waits for, again and again; so would those
        for a GPU from a pack that waits for a whole one. Fits for a GPU come before others, which
        would take the core that feeds it.
        """
        self._waits_for_memory = self._pack_waits = False
        packing, executor = self.proposer.packing, self.executor
        wants_gpu = executor.capacity().wants_gpu
        ready = [(t, self._need(t)) for t in trials if t.ready]
        for trial, need in sorted(ready, key=lambda pair: not wants_gpu(pair[1])):
            is_for_gpu = wants_gpu(need)
            if (is_for_gpu and self._pack_waits) or not self._fits(trial, search_left_s):
                continue
            units = packing.units(trial, trials, search_left_s)
            if len(units) > 1 and is_for_gpu:
                need = packing.need(units)
            lease = executor.try_lease(need, trial.spec.trial_id)
            if lease is not None:
                return Fit(trial, trial.ready[0], lease, units[1:])
            shortage = executor.shortage(need)
            if shortage is Shortage.MEMORY:
                self._waits_for_memory = True
                return None
            self._pack_waits |= len(units) > 1 and shortage is Shortage.GPU
        return None

    def _fits(self, trial: Trial, search_left_s: float) -> bool:
        return search_left_s == float("inf") or self.costs.next_fit_s(trial) <= search_left_s

    def _need(self, trial: Trial) -> Resources:
        """What the next fit of a trial needs."""
        return self.needs.of(trial.spec.family, alone=trial.ready[0] in trial.alone)
