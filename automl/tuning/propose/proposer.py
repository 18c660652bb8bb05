"""What is tried next: which family, which params, on which folds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from automl.config.schema import SearchConfig
from automl.errors import AutoMLError
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily, Params
from automl.plugin.selective import SelectiveFamily
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import TrialSpec, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import Costs
from automl.tuning.incumbent.oof_store import Evidence
from automl.tuning.propose.allocator import Arm, Stakes, choose_family
from automl.tuning.propose.packs import Packing
from automl.tuning.propose.study import FamilyStudy
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.outcomes import repeated_failure
from automl.tuning.trials.trial import Trial

__all__ = ["MIN_GAIN", "Proposer"]

GENERATION = 8
PATIENCE = 8  # trials of a family without a gain, after which it has to wait
MIN_GAIN = 1e-4  # of the way from the prior to the ensemble
ELITE = 4  # complete trials that a cheap one must not be worse than


@dataclass(slots=True)
class Proposer:
    """Proposes trials from the families' studies.

    With a trial budget, trials are proposed in generations of fixed size, each only from what
    the earlier ones gave and without a look at the clock: the same trials come out whatever the
    number of workers. With a time budget alone, whatever is known at the moment is used.

    Attributes:
        families: Family and shape by name.
        studies: The study of each family.
        ledger: All trials.
        budget: The budget of the run.
        costs: What trials are expected to cost.
        evidence: What trials predict, and what that is worth.
        run: Where a trial is recorded as soon as its params are known.
        stopped: Families that get no more trials, and why.
    """

    families: Mapping[str, tuple[ModelFamily, Shape]]
    studies: Mapping[str, FamilyStudy]
    ledger: Ledger
    config: SearchConfig
    budget: Budget
    costs: Costs
    evidence: Evidence
    run: RunDir
    stopped: dict[str, str] = field(default_factory=dict)
    _concluded: list[Trial] = field(default_factory=list)
    _ahead: dict[str, TrialSpec] = field(default_factory=dict)
    _is_prepared: bool = False
    _prior_loss: float | None = None

    @property
    def packing(self) -> Packing:
        """What is fitted together."""
        return Packing(self.families, self.costs, self.by_generation)

    @property
    def by_generation(self) -> bool:
        """Whether trials are proposed in generations."""
        return self.budget.is_deterministic

    @property
    def is_exhausted(self) -> bool:
        """Whether there will be no further proposal."""
        enough = self.budget.trials is not None and len(self.ledger.trials) >= self.budget.trials
        return enough or not self._open_families()

    def is_worthwhile(self, trial: Trial) -> bool:
        """Whether a trial whose first fold is done should be given the others.

        It should when the fold promised a gain for the ensemble, when no complete trial is better
        in all of several objectives, or when it is among the best there are and the other folds
        cost next to nothing: a gain on one small fold is noisy.
        """
        promising = trial.gain is None or trial.gain > MIN_GAIN
        if trial.promoted or self.by_generation or promising or self.ledger.may_be_on_front(trial):
            return True
        complete = self.ledger.in_state(TrialState.COMPLETE)
        losses = sorted(t.first_loss for t in complete if t.first_loss is not None)
        limit = losses[min(ELITE, len(losses)) - 1] if losses else float("inf")
        is_good = trial.first_loss is not None and trial.first_loss <= limit
        return is_good and self.costs.rest_is_cheap(trial)

    def propose(
        self, search_left_s: float, barred: Collection[str] = (), *, idle: bool = False
    ) -> list[Trial]:
        """Enters new trials into the ledger: a generation, or one; none when it is not the time.

        Args:
            search_left_s: Seconds until fits must be over.
            barred: Families of which no trial could start now. A generation has them all the same.
            idle: Whether families may come that have not helped the ensemble for a while.
        """
        if not self.by_generation:
            return self._propose_some(search_left_s, idle, barred)
        if self.ledger.in_state(TrialState.RUNNING):
            return []
        self.flush()
        return self._propose(GENERATION)

    def complete_generation(self) -> list[Trial]:
        """Proposes what a search that was killed had not come to of its last generation.

        Nothing may have been fitted since the search was taken up: what is proposed here must
        not know how the rest of its generation turns out.
        """
        n_missing = -len(self.ledger.trials) % GENERATION
        if not self.by_generation or n_missing == 0 or self.is_exhausted:
            return []
        self.flush()
        return self._propose(n_missing)

    def _propose(self, n: int) -> list[Trial]:
        """So many trials of one generation, without a look at the clock."""
        trials: list[Trial] = []
        while len(trials) < n:
            some = self._propose_some(float("inf"), idle=True, most=n - len(trials))
            if not some:
                break
            trials += some
        return trials

    def prepare(self, search_left_s: float) -> None:
        """Does now what a device that falls free would have to wait for.

        Studies are told of the trials that are over, and the family that would be next is asked
        for params, which may know a result less than if they were asked for later. Not in
        generations, where it is fixed what params know.

        Args:
            search_left_s: Seconds until fits must be over.
        """
        if self.by_generation:
            return
        self.flush()
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
        barred: Collection[str] = (),
        most: float = float("inf"),
    ) -> list[Trial]:
        """The next trial, with those that are fitted together with it; none in no time."""
        names = [] if self.is_exhausted else self._candidates(search_left_s, idle, barred)
        while (name := self._choose(names)) is not None:
            spec = self._ahead.pop(name, None) or self._ask(name)
            if spec is not None:
                self._is_prepared = False
                return self._enter_pack(spec, most)
            names.remove(name)
        return []

    def _candidates(
        self, search_left_s: float, idle: bool = False, barred: Collection[str] = ()
    ) -> list[str]:
        """Families that may get a trial now."""
        names = [n for n in self._open_families() if n not in barred]
        names = [n for n in names if self.costs.new_trial_fits(n, search_left_s)]
        return [n for n in names if idle or self.ledger.idle_trials(n, MIN_GAIN) < PATIENCE]

    def _choose(self, names: Sequence[str]) -> str | None:
        """The family that gets the next trial, of some; None when it is not the time."""
        if not names:
            return None
        arms = [self._arm(name) for name in names]
        losses = (t.first_loss for t in self.ledger.trials if t.first_loss is not None)
        rows = self.evidence.first_rows
        if self._prior_loss is None:
            self._prior_loss = self.evidence.prior_loss(rows)
        core_seconds = None if self.by_generation else self.costs.core_seconds
        stakes = Stakes(
            self._prior_loss,
            min(losses, default=None),
            len(rows),
            len(self.ledger.trials),
            core_seconds,
        )
        return choose_family(arms, stakes)

    def _ask(self, name: str, like: Params | None = None) -> TrialSpec | None:
        """Params for one more trial; None when the space is used up or its code fails."""
        self.flush()
        try:
            return self.studies[name].ask(like)
        except AutoMLError:
            raise
        except Exception as error:  # the search space is code of a plugin
            self.stopped[name] = f"its search space fails with {type(error).__name__}: {error}"
            return None

    def _enter_pack(self, spec: TrialSpec, most: float) -> list[Trial]:
        """A trial, and as many like it as its family fits together, all on all folds."""
        trials, common = [self._enter(spec)], self.packing.common(spec)
        most = min(most, 1 + self.packing.n_mates(spec))
        while len(trials) < most and spec.family in self._open_families() and not self.is_exhausted:
            mate = self._ask(spec.family, common)
            if mate is None:
                break
            trials.append(self._enter(mate))
        if len(trials) > 1:
            for trial in trials:
                trial.join_pack(spec.trial_id)
        return trials

    def _enter(self, spec: TrialSpec) -> Trial:
        index = len(self.ledger.trials)
        trial = self.costs.new_trial(spec, index)
        self.place(trial)
        self.ledger.trials.append(trial)
        write_record(self.run, trial.record(self.ledger.metric))
        return trial

    def place(self, trial: Trial) -> None:
        """Says which trials one is compared with, and whether all its folds may run at once."""
        by_generation, index = self.by_generation, trial.index
        trial.assign_generation(index // GENERATION if by_generation else index + 1)
        sure_to_go_on = self.ledger.n_peers(trial) < self.config.pruner.startup_trials
        if sure_to_go_on if by_generation else index < 2:
            trial.promote()

    def restore(self) -> None:
        """Takes up the trials of an earlier search, which the ledger has."""
        for name, study in self.studies.items():
            study.restore([trial.spec for trial in self.ledger.of(name)])
        over = [t for t in self.ledger.trials if t.state is not TrialState.RUNNING]
        self._concluded.extend(over)
        if not self.by_generation:  # else once the last generation is over
            self.flush()

    def _arm(self, name: str) -> Arm:
        family, shape = self.families[name]
        known = [t.first_loss for t in self.ledger.of(name)]
        cost = None if self.by_generation else self.ledger.complete_cost_s(name)
        return Arm(
            name,
            family.priority_for(shape) if isinstance(family, SelectiveFamily) else family.priority,
            len(self.ledger.of(name)),
            min((loss for loss in known if loss is not None), default=None),
            cost,
        )

    def _open_families(self) -> list[str]:
        limit = self.config.search.max_trials_per_family
        return [name for name in self.families if self._is_open(name, limit)]

    def _is_open(self, name: str, limit: int | None) -> bool:
        if name in self.stopped or self.studies[name].exhausted:
            return False
        own = self.families[name][1].settings.get("max_trials")
        allowed = min((x for x in (limit, own) if x is not None), default=None)
        return allowed is None or len(self.ledger.of(name)) < allowed

    def conclude(self, trial: Trial) -> None:
        """Takes note of a trial that is over; its study learns of it in the order of proposal."""
        self._concluded.append(trial)
        if trial.state is TrialState.FAILED and not self.by_generation:
            self.flush()  # its family may have to be stopped

    def flush(self) -> None:
        """Tells the studies of all trials that are over and not told yet.

        Of a trial that was cut they are not told: a resumed run finishes it.
        """
        for trial in sorted(self._concluded, key=lambda t: t.index):
            if trial.may_go_on:
                continue
            name = trial.spec.family
            losses = () if trial.loss is None else self.ledger.losses(trial)
            self.studies[name].tell(trial, losses, self.config.limits)
            if (why := repeated_failure(trial, self.ledger.of(name))) is not None:
                self.stopped[name] = why
        self._concluded.clear()
