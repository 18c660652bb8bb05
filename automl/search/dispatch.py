"""Which (trial, fold) a free device gets next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from automl.plugin.context import Resources, Shape
from automl.plugin.family import ModelFamily
from automl.scheduling.devices import Lease
from automl.scheduling.executor import Executor
from automl.search.budget import Budget
from automl.search.ledger import Ledger, Trial
from automl.search.proposer import Proposer
from automl.trial.setup import seed_of
from automl.trial.spec import Job, TrialState

__all__ = ["Dispatcher", "Fit"]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fold of a trial that is to be fitted now, on leased devices."""

    trial: Trial
    fold: int
    lease: Lease


@dataclass(slots=True)
class Dispatcher:
    """Chooses the next fit: ready folds in the order of their trials, then new trials.

    Attributes:
        families: Family and shape by name.
        executor: Leases devices.
        proposer: Proposes trials.
        ledger: All trials.
        budget: The budget.
        seed: Of the run.
        threads_per_fit: Threads of one fit, unless its family wants more.
    """

    families: Mapping[str, tuple[ModelFamily, Shape]]
    executor: Executor
    proposer: Proposer
    ledger: Ledger
    budget: Budget
    seed: int
    threads_per_fit: int = 1
    _needs: dict[str, Resources] = field(default_factory=dict)
    _waits_for_memory: bool = False

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
        proposed = self.proposer.propose(search_left_s)
        if not proposed and self._revive(live, search_left_s):
            return self._first(live, search_left_s), ()
        proposed = proposed or self.proposer.propose(search_left_s, idle=True)
        return self._first(proposed, search_left_s), proposed

    def _revive(self, live: Sequence[Trial], search_left_s: float) -> bool:
        """Promotes the most promising trial that was held back after its first fold, if any fits.

        Its family is where gains came from; a new trial of one that gives none is worth less.
        """
        held = [t for t in live if t.waiting and t.results]
        fitting = [t for t in held if self.proposer.rest_fits(t, search_left_s)]
        if not fitting:
            return False
        min(fitting, key=lambda t: (-(t.gain or 0.0), t.index)).promoted = True
        return True

    def job(self, fit: Fit, search_left_s: float) -> Job:
        """The job of a fit, with its seed and its limits.

        Args:
            fit: What is fitted where.
            search_left_s: Seconds until fits must be over.
        """
        spec = fit.trial.spec
        share = self.proposer.fair_share_s(spec.family)
        return Job(
            spec=spec,
            fold=fit.fold,
            seed=seed_of(self.seed, spec.family, spec.number, fit.fold),
            n_threads=fit.lease.n_cpus,
            device=fit.lease.device,
            time_limit_s=share,
            deadline_s=self.budget.kill_after_s(share, search_left_s),
            attempt=fit.trial.attempts.get(fit.fold, 0),
        )

    def _is_anything_free(self) -> bool:
        lease = self.executor.lease(Resources(ram_gib=0.0))
        if lease is not None:
            self.executor.release(lease)
        return lease is not None

    def _first(self, trials: Sequence[Trial], search_left_s: float) -> Fit | None:
        """The first fit that may start; none while one before it waits for memory alone.

        Smaller fits that go ahead would take what it waits for, again and again.
        """
        self._waits_for_memory = False
        for trial in trials:
            folds = trial.ready
            if folds and self._fits(trial, search_left_s):
                need = self._need(trial.spec.family)
                lease = self.executor.lease(need)
                if lease is not None:
                    return Fit(trial, folds[0], lease)
                lease = self.executor.lease(replace(need, ram_gib=0.0))
                if lease is not None:
                    self.executor.release(lease)
                    self._waits_for_memory = True
                    return None
        return None

    def _fits(self, trial: Trial, search_left_s: float) -> bool:
        return search_left_s == float("inf") or self.proposer.expected_s(trial) <= search_left_s

    def _need(self, name: str) -> Resources:
        if name not in self._needs:
            family, shape = self.families[name]
            need = family.resources(shape)
            self._needs[name] = replace(need, n_cpus=max(need.n_cpus, self.threads_per_fit))
        return self._needs[name]
