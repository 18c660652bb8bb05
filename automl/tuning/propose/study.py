"""One Optuna study per family, asked and told by the controller alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from automl.config.schema import LimitsConfig, SamplerConfig
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.trial.records import canonical_params
from automl.trial.setup import seed_of
from automl.trial.spec import TrialSpec, TrialState
from automl.tuning.problem.search_space import FixedSuggest, fixed_of, space_params
from automl.tuning.propose.samplers import make_sampler
from automl.tuning.trials.outcomes import OUT_OF_MEMORY
from automl.tuning.trials.trial import Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["FamilyStudy"]

MAX_REPEATS = 8  # as many proposals in a row that were tried before: the space is used up
ENQUEUED = "fixed_params"  # where Optuna keeps the params that an enqueued trial is to have


class FamilyStudy:
    """Proposes params for one family: its portfolio first, then the sampler.

    The sampler works on a study in memory, which can be made again from the records of the
    trials.

    Args:
        family: The family.
        shape: The problem as it sees it.
        sampler: Which sampler, and how it starts.
        seed: Of the run.
        n_objectives: Losses of each trial.
    """

    def __init__(
        self,
        family: ModelFamily,
        shape: Shape,
        sampler: SamplerConfig,
        seed: int,
        n_objectives: int = 1,
    ) -> None:
        self.family, self._shape, self._config, self._seed = family, shape, sampler, seed
        self._n_objectives = n_objectives
        self._fixed = fixed_of(shape)
        drawn = space_params(family, shape) if self._fixed else {}
        self._added = {name: value for name, value in self._fixed.items() if name not in drawn}
        given = [dict(entry) for entry in family.portfolio(shape)]
        self._portfolio = _overridden(given, self._fixed) if self._fixed else given
        self._seen: set[str] = set()
        self._open: dict[int, optuna.trial.Trial] = {}
        self._n_asked = self._n_repeats = 0
        self._worst: tuple[float, ...] | None = None
        self.exhausted = False

    @cached_property
    def _study(self) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        return optuna.create_study(directions=["minimize"] * self._n_objectives)

    def restore(self, specs: Sequence[TrialSpec]) -> None:
        """Takes up an earlier search: what is asked next is what it would have asked.

        Args:
            specs: All recorded trials of the family; their outcomes are yet to be told.
        """
        known = {spec.number: spec for spec in specs}
        self._seen = {canonical_params(spec.params) for spec in specs}
        self._n_asked = max(known, default=-1) + 1
        for number in range(self._n_asked):
            self._enter_again(known.get(number))

    def _enter_again(self, spec: TrialSpec | None) -> None:
        """Enters a recorded trial, or, without a record, one that only repeated another."""
        import optuna

        noted = {} if spec is None else {ENQUEUED: spec.params, **spec.noted}
        waiting = optuna.trial.TrialState.WAITING
        self._study.add_trial(optuna.trial.create_trial(state=waiting, system_attrs=noted))
        trial = self._ask_for(None)
        if spec is None:
            self._tell_repeated(trial.number)
        else:
            self._params_of(trial)

    def ask(self, like: Mapping[str, Any] | None = None) -> TrialSpec | None:
        """Proposes params that were not tried before; None when the space is used up.

        Args:
            like: Params that the sampler is to keep; those of the portfolio are as they are.
        """
        while self._n_repeats < MAX_REPEATS + len(self._portfolio):
            spec = self._next(like)
            text = canonical_params(spec.params)
            if text not in self._seen:
                self._seen.add(text)
                self._n_repeats = 0
                return spec
            self._n_repeats += 1
            self._tell_repeated(spec.number)
        if like is None:
            self.exhausted = True
        self._n_repeats = 0
        return None

    def _next(self, like: Mapping[str, Any] | None = None) -> TrialSpec:
        """One more trial, which may repeat another."""
        number = self._n_asked
        self._n_asked += 1
        seed = seed_of(self._seed, self.family.name, number)
        self._study.sampler = make_sampler(self._config, seed)
        given = self._portfolio[number] if number < len(self._portfolio) else None
        asked = self._ask_for(like if given is None else given)
        params = self._params_of(asked)
        attributes = self._study.get_trials(deepcopy=False)[number].system_attrs
        noted = {key: value for key, value in attributes.items() if key != ENQUEUED}
        source = "sampler" if given is None else "portfolio"
        return TrialSpec(self.family.name, number, params, source, noted)

    def _ask_for(self, params: Mapping[str, Any] | None) -> optuna.trial.Trial:
        """A new trial of the study in memory, with params of its own or the sampler's."""
        if params is not None:
            self._study.enqueue_trial(dict(params))
        trial = self._study.ask()
        self._open[trial.number] = trial
        return trial

    def _params_of(self, trial: optuna.trial.Trial) -> dict[str, Any]:
        with warnings.catch_warnings():
            # Optuna says so of each portfolio value outside the space; it is used unclipped.
            warnings.simplefilter("ignore")
            suggest = FixedSuggest(trial, self._fixed)
            return {**self.family.search_space(suggest, self._shape), **self._added}

    def tell(self, trial: Trial, losses: Sequence[float], limits: LimitsConfig) -> None:
        """Tells of a trial that is over.

        Args:
            trial: The trial.
            losses: One for each objective; empty where it has no score.
            limits: What it may cost.
        """
        if trial.state is TrialState.COMPLETE and losses:
            self.tell_complete(trial.spec, losses, trial.cost.excesses(limits))
        elif trial.state is TrialState.PRUNED:
            self.tell_pruned(trial.spec)
        elif trial.error is not None and trial.error.kind in OUT_OF_MEMORY:
            self.tell_out_of_memory(trial.spec)
        else:
            self.tell_failed(trial.spec)

    def tell_complete(
        self, spec: TrialSpec, losses: Sequence[float], excess: Mapping[str, float] | None = None
    ) -> None:
        """Tells the losses of a complete trial.

        Args:
            spec: The trial.
            losses: One for each objective.
            excess: How far it is beyond each limit; 0 or less where it holds. The sampler looks
                where limits hold.
        """
        self._worst = tuple(map(max, losses, self._worst or losses))
        for name, value in (excess or {}).items():
            self._open[spec.number].set_constraint(name, value)
        self._tell(spec.number, losses)

    def tell_pruned(self, spec: TrialSpec) -> None:
        """Tells that a trial was stopped early."""
        import optuna

        self._tell(spec.number, state=optuna.trial.TrialState.PRUNED)

    def tell_out_of_memory(self, spec: TrialSpec) -> None:
        """Tells that a trial held too much memory, so that the sampler keeps away from there.

        It is told as complete with the worst loss seen so far. A failed trial would teach nothing:
        samplers leave those out of their models, and would come back to a region that looks
        untried. The worst loss, and no made-up one, leaves the scale of the others as it is.
        Before any loss is known it is told as pruned without a report, which TPE ranks behind
        every complete trial.
        """
        if self._worst is None:
            self.tell_pruned(spec)
            return
        self._tell(spec.number, self._worst)

    def tell_failed(self, spec: TrialSpec) -> None:
        """Tells that a trial failed."""
        import optuna

        self._tell(spec.number, state=optuna.trial.TrialState.FAIL)

    def _tell_repeated(self, number: int) -> None:
        """Tells that a number was used up by params that were tried before."""
        import optuna

        self._tell(number, state=optuna.trial.TrialState.FAIL)

    def _tell(
        self,
        number: int,
        losses: Sequence[float] | None = None,
        state: optuna.trial.TrialState | None = None,
    ) -> None:
        self._study.tell(number, losses, state=state)
        self._open.pop(number, None)


def _overridden(
    entries: Iterable[Mapping[str, Any]], fixed: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A portfolio with what the user fixed; entries that this makes equal stand there once."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        changed = {**entry, **fixed}
        found.setdefault(canonical_params(changed), changed)
    return list(found.values())
