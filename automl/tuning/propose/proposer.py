"""Proposes the next trials: family, params and folds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from automl.config.schema import SearchConfig
from automl.errors import AutoMLError
from automl.plugin.family import Params
from automl.plugin.selective import SelectiveFamily
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import TrialSpec, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import FitTimes
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.problem.families import Families
from automl.tuning.propose.allocator import AllocatorState, Arm, choose_family, is_hopeless
from automl.tuning.propose.longer_fits import LongerFits
from automl.tuning.propose.packs import PackPlanner
from automl.tuning.propose.study import FamilyStudy
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.outcomes import repeated_failure
from automl.tuning.trials.trial import Trial

__all__ = ["MIN_GAIN", "Proposer"]

GENERATION = 8
PATIENCE = 8  # trials of a family without a gain, after which it is deferred
MIN_GAIN = 1e-4  # of the ensemble's improvement on the baseline
ELITE = 4  # complete trials that a cheap one must not be worse than
STALL_SHARE = 0.15  # of the budget without a gain, after which other work is tried too


@dataclass(slots=True)
class Proposer:
    """Proposes trials from the families' studies.

    With a trial budget, trials are proposed in generations of fixed size, each only from the
    results of earlier ones and without reading the clock: the same trials result for any number
    of workers. With a time budget alone, all results known so far are used.

    Attributes:
        families: Family and problem by name.
        studies: The study of each family.
        ledger: All trials.
        config: The configuration.
        budget: The budget of the run.
        fit_times: Expected times of fits and trials.
        incumbent: The best ensemble so far.
        run: The run directory, where a trial is recorded as soon as its params are known.
        stopped: Families that get no more trials, with the reason.
    """

    families: Families
    studies: Mapping[str, FamilyStudy]
    ledger: Ledger
    config: SearchConfig
    budget: Budget
    fit_times: FitTimes
    incumbent: EnsembleTracker
    run: RunDir
    stopped: dict[str, str] = field(default_factory=dict)
    _concluded: list[Trial] = field(default_factory=list)
    _ahead: dict[str, TrialSpec] = field(default_factory=dict)
    _is_prepared: bool = False
    _prior_loss: float | None = None
    _was_again: bool = False

    @property
    def packing(self) -> PackPlanner:
        """The planner of packs."""
        return PackPlanner(self.families, self.fit_times, self.deterministic)

    @property
    def longer_fits(self) -> LongerFits:
        """Chooses members of the ensemble to fit with more time."""
        return LongerFits(self.incumbent, self.ledger, self.fit_times)

    @property
    def deterministic(self) -> bool:
        """Whether trials are proposed in generations."""
        return self.budget.is_deterministic

    @property
    def is_exhausted(self) -> bool:
        """Whether no further trial will be proposed."""
        enough = self.budget.trials is not None and len(self.ledger.trials) >= self.budget.trials
        return enough or not self._open_families()

    def should_promote(self, trial: Trial) -> bool:
        """Whether a trial whose first fold is done gets the others.

        It does if the fold promised a gain for the ensemble, if no complete trial is better in all
        of several objectives, or if it is among the best and the other folds cost next to nothing:
        a gain on one small fold is noisy.
        """
        promising = trial.gain is None or trial.gain > MIN_GAIN
        if (
            trial.promoted
            or self.deterministic
            or promising
            or self.ledger.may_be_pareto_optimal(trial)
        ):
            return True
        complete = self.ledger.in_state(TrialState.COMPLETE)
        losses = sorted(t.first_loss for t in complete if t.first_loss is not None)
        limit = losses[min(ELITE, len(losses)) - 1] if losses else float("inf")
        is_good = trial.first_loss is not None and trial.first_loss <= limit
        return is_good and self.fit_times.rest_is_cheap(trial)

    def propose(
        self, search_left_s: float, excluded: Collection[str] = (), *, idle: bool = False
    ) -> list[Trial]:
        """Adds new trials to the ledger: a generation, or one; none while others must finish first.

        Args:
            search_left_s: Seconds left for fits.
            excluded: Families of which no trial could start now. A generation includes them anyway.
            idle: Whether to include deferred families, without a recent gain.
        """
        if not self.deterministic:
            return self._propose_some(search_left_s, idle, excluded)
        if self.ledger.in_state(TrialState.RUNNING):
            return []
        self.tell_studies()
        return self._propose(GENERATION)

    def complete_generation(self) -> list[Trial]:
        """Proposes the missing trials of a killed search's last generation.

        No fit may have run since the resume: these trials must not depend on results of their
        own generation.
        """
        n_missing = -len(self.ledger.trials) % GENERATION
        if not self.deterministic or n_missing == 0 or self.is_exhausted:
            return []
        self.tell_studies()
        return self._propose(n_missing)

    def _propose(self, n: int) -> list[Trial]:
        """Up to ``n`` trials of one generation, without reading the clock."""
        trials: list[Trial] = []
        while len(trials) < n:
            some = self._propose_some(float("inf"), idle=True, most=n - len(trials))
            if not some:
                break
            trials += some
        return trials

    def ask_ahead(self, search_left_s: float) -> None:
        """Asks for the next params in advance, so that a free device need not wait for them.

        Tells studies of finished trials, and asks the family that would be next for params, which
        may lack the latest result. Not in generations, where it is fixed which results are used.

        Args:
            search_left_s: Seconds left for fits.
        """
        if self.deterministic:
            return
        self.tell_studies()
        if not self._is_prepared:
            self._is_prepared = True
            name = None if self.is_exhausted else self._choose(self._candidates(search_left_s))
            spec = None if name is None or name in self._ahead else self._ask(name)
            if spec is not None:
                self._ahead[spec.family] = spec

    def _propose_some(
        self,
        search_left_s: float,
        idle: bool,
        excluded: Collection[str] = (),
        most: float = float("inf"),
    ) -> list[Trial]:
        """The next trial, with those of its pack; none if no family has time for one."""
        if self.is_exhausted:
            return []
        if not self.deterministic and (idle or (self.is_stalled() and not self._was_again)):
            trials = self._propose_again(search_left_s, excluded)
            if trials:
                return trials
        self._was_again = False
        names = self._candidates(search_left_s, idle, excluded)
        while (name := self._choose(names)) is not None:
            spec = self._ahead.pop(name, None) or self._ask(name)
            if spec is not None:
                self._is_prepared = False
                return self._enter_pack(spec, most)
            names.remove(name)
        return []

    def is_stalled(self, n_windows: int = 1) -> bool:
        """Whether the ensemble has gained next to nothing for 15 % of the budget.

        Not before every family has had a trial, and never without a time budget.

        Args:
            n_windows: Number of such spans, up to now.
        """
        time_s = self.budget.time_s
        if time_s is None or self.deterministic:
            return False
        since_s = self.budget.elapsed_s - n_windows * STALL_SHARE * time_s
        return self.incumbent.gains.gain_since(since_s) < MIN_GAIN and all(
            self.ledger.of_family(name) for name in self._open_families()
        )

    def _propose_again(self, search_left_s: float, excluded: Collection[str]) -> list[Trial]:
        """A member of the ensemble with more time; none if no fit of one was cut by its time."""
        able = [
            name
            for name in self.families
            if name not in excluded
            and self._has_room(name)
            and self.fit_times.new_trial_fits(name, search_left_s)
        ]
        member = self.longer_fits.next(able)
        if member is None:
            return []
        self._was_again = True
        self.tell_studies()
        return [self._enter(self.studies[member.spec.family].ask_again(member.spec.params))]

    def _candidates(
        self, search_left_s: float, idle: bool = False, excluded: Collection[str] = ()
    ) -> list[str]:
        """Families that may get a trial now.

        If all that brought gains are deferred, those that cannot catch up get no trial either,
        as long as the leading family has untried params.
        """
        names = [n for n in self._open_families() if n not in excluded]
        names = [n for n in names if self.fit_times.new_trial_fits(n, search_left_s)]
        if not idle:
            return [n for n in names if self.ledger.trials_since_gain(n, MIN_GAIN) < PATIENCE]
        if self.deterministic:
            return names
        stakes, arms = self._stakes(), {name: self._arm(name) for name in self._open_families()}
        leads = any(arm.best_loss == stakes.best_loss for arm in arms.values())
        return [n for n in names if not (leads and is_hopeless(arms[n], stakes))]

    def _choose(self, names: Sequence[str]) -> str | None:
        """The family that gets the next trial; None without names."""
        return choose_family([self._arm(n) for n in names], self._stakes()) if names else None

    def _stakes(self) -> AllocatorState:
        losses = (t.first_loss for t in self.ledger.trials if t.first_loss is not None)
        rows = self.incumbent.oof.first_rows
        if self._prior_loss is None:
            self._prior_loss = self.incumbent.oof.prior_loss(rows)
        return AllocatorState(
            self._prior_loss,
            min(losses, default=None),
            len(rows),
            len(self.ledger.trials),
            None if self.deterministic else self.fit_times.core_seconds,
        )

    def _ask(self, name: str, like: Params | None = None) -> TrialSpec | None:
        """Params for one more trial; None if the space is used up or its code fails."""
        self.tell_studies()
        try:
            return self.studies[name].ask(like)
        except AutoMLError:
            raise
        except Exception as error:  # the search space is code of a plugin
            self.stopped[name] = f"its search space fails with {type(error).__name__}: {error}"
            return None

    def _enter_pack(self, spec: TrialSpec, most: float) -> list[Trial]:
        """A trial, and the others of its pack, which all run all folds.

        A family's first trial is alone while others have not had a GPU yet: theirs are worth more
        than further params of the same net.
        """
        trials, common = [self._enter(spec)], self.packing.shared_params(spec)
        most = 1 if self._keeps_gpu_from_others(spec) else min(most, 1 + self.packing.n_more(spec))
        while len(trials) < most and spec.family in self._open_families() and not self.is_exhausted:
            mate = self._ask(spec.family, common)
            if mate is None:
                break
            trials.append(self._enter(mate))
        if len(trials) > 1 or self.fit_times.is_packed_on_gpu(spec.family):
            for trial in trials:
                trial.join_pack(spec.trial_id)
        return trials

    def _keeps_gpu_from_others(self, spec: TrialSpec) -> bool:
        """Whether a trial takes a GPU while other families have had none of their trials."""
        return self.fit_times.is_packed_on_gpu(spec.family) and any(
            self.fit_times.is_packed_on_gpu(name) and not self.ledger.of_family(name)
            for name in self._open_families()
            if name != spec.family
        )

    def _enter(self, spec: TrialSpec) -> Trial:
        index = len(self.ledger.trials)
        trial = self.fit_times.new_trial(spec, index)
        self.assign_generation(trial)
        self.ledger.trials.append(trial)
        write_record(self.run, trial.record(self.ledger.metric))
        return trial

    def assign_generation(self, trial: Trial) -> None:
        """Sets the trials that one is compared with, and whether all its folds may run at once."""
        by_generation, index = self.deterministic, trial.index
        trial.assign_generation(index // GENERATION if by_generation else index + 1)
        sure_to_go_on = self.ledger.n_peers(trial) < self.config.pruner.startup_trials
        if sure_to_go_on if by_generation else index < 2:
            trial.promote()

    def restore(self) -> None:
        """Restores the studies from the ledger's trials of an earlier search."""
        for name, study in self.studies.items():
            study.restore([trial.spec for trial in self.ledger.of_family(name)])
        over = [t for t in self.ledger.trials if t.state is not TrialState.RUNNING]
        self._concluded.extend(over)
        if not self.deterministic:  # otherwise after the last generation
            self.tell_studies()

    def _arm(self, name: str) -> Arm:
        family, problem = self.families[name]
        known = [t.first_loss for t in self.ledger.of_family(name)]
        cost = None if self.deterministic else self.ledger.complete_cost_s(name)
        return Arm(
            name,
            family.priority_for(problem)
            if isinstance(family, SelectiveFamily)
            else family.priority,
            len(self.ledger.of_family(name)),
            min((loss for loss in known if loss is not None), default=None),
            cost,
        )

    def _open_families(self) -> list[str]:
        return [name for name in self.families if self._is_open(name)]

    def _is_open(self, name: str) -> bool:
        return not self.studies[name].exhausted and self._has_room(name)

    def _has_room(self, name: str) -> bool:
        """Whether a family may get trials: it does not fail, and has not had all it may have."""
        if name in self.stopped:
            return False
        limit = self.config.search.max_trials_per_family
        own = self.families[name][1].settings.get("max_trials")
        allowed = min((x for x in (limit, own) if x is not None), default=None)
        return allowed is None or len(self.ledger.of_family(name)) < allowed

    def on_trial_end(self, trial: Trial) -> None:
        """Queues a finished trial, to tell its study in the order of proposal."""
        self._concluded.append(trial)
        if trial.state is TrialState.FAILED and not self.deterministic:
            self.tell_studies()  # its family may have to be stopped

    def tell_studies(self) -> None:
        """Tells the studies of all finished trials that they do not know yet.

        Trials that were cut are left out: a resumed run finishes them.
        """
        for trial in sorted(self._concluded, key=lambda t: t.index):
            if trial.may_go_on:
                continue
            name = trial.spec.family
            losses = () if trial.loss is None else self.ledger.losses(trial)
            self.studies[name].tell(trial, losses, self.config.limits)
            if (why := repeated_failure(trial, self.ledger.of_family(name))) is not None:
                self.stopped[name] = why
        self._concluded.clear()
