"""Wraps the Optuna study of a family: proposes params, and takes results."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from automl.config.schema import LimitsConfig, SamplerConfig
from automl.errors import ConfigError, MissingExtraError
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily, Params
from automl.trial.records import canonical_params
from automl.trial.setup import derive_seed
from automl.trial.spec import LONGER, TrialSpec, TrialState
from automl.tuning.problem.search_space import FixedSuggest, fixed_of, space_params
from automl.tuning.trials.outcomes import OUT_OF_MEMORY
from automl.tuning.trials.trial import Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["FamilyStudy", "make_sampler"]

SAMPLERS = {
    "tpe": ("TPESampler", "optuna"),
    "random": ("RandomSampler", "optuna"),
    "gp": ("GPSampler", "torch"),
    "cmaes": ("CmaEsSampler", "cmaes"),
}
"""Optuna's class, and the library that it needs, by name as in ``sampler.name``."""
MAX_REPEATS = 8  # repeated proposals in a row, after which the space counts as used up
ENQUEUED = "fixed_params"  # Optuna's attribute with the params of an enqueued trial


class FamilyStudy:
    """Proposes params for one family: its portfolio first, then the sampler.

    The study is in memory, and is rebuilt from the trial records on resume. Only the controller
    uses it.

    Args:
        family: The family.
        problem: The problem as the family sees it.
        sampler: Configuration of the sampler.
        seed: Seed of the run.
        n_objectives: Losses of each trial.
    """

    def __init__(
        self,
        family: ModelFamily,
        problem: ProblemInfo,
        sampler: SamplerConfig,
        seed: int,
        n_objectives: int = 1,
    ) -> None:
        self.family, self._shape, self._config, self._seed = family, problem, sampler, seed
        self._n_objectives = n_objectives
        self._fixed = fixed_of(problem)
        drawn = space_params(family, problem) if self._fixed else {}
        self._added = {name: value for name, value in self._fixed.items() if name not in drawn}
        given = [dict(entry) for entry in family.portfolio(problem)]
        self._portfolio = _overridden(given, self._fixed) if self._fixed else given
        self._seen: set[str] = set()
        self._open: dict[int, optuna.trial.Trial] = {}
        self._n_asked = self._n_again = self._n_repeats = 0
        self._worst: tuple[float, ...] | None = None
        self.exhausted = False

    @cached_property
    def study(self) -> optuna.Study:
        """The study itself, for Optuna's own functions: its table, plots and importances."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        return optuna.create_study(directions=["minimize"] * self._n_objectives)

    def restore(self, specs: Sequence[TrialSpec]) -> None:
        """Restores an earlier search, so that the next proposals are those it would have made.

        Args:
            specs: All recorded trials of the family; their results follow by ``tell``.
        """
        known = {spec.number: spec for spec in specs}
        self._seen = {canonical_params(spec.params) for spec in specs}
        self._n_asked = max(known, default=-1) + 1
        self._n_again = sum(spec.source == LONGER for spec in specs)
        for number in range(self._n_asked):
            self._enter_again(known.get(number))

    def _enter_again(self, spec: TrialSpec | None) -> None:
        """Adds a recorded trial, or without a record a repeated proposal."""
        import optuna

        noted = {} if spec is None else {ENQUEUED: spec.params, **spec.noted}
        waiting = optuna.trial.TrialState.WAITING
        self.study.add_trial(optuna.trial.create_trial(state=waiting, system_attrs=noted))
        trial = self._ask_for(None)
        if spec is None:
            self._tell(trial.number, state="FAIL")
        else:
            self._params_of(trial)

    def ask(self, like: Mapping[str, Any] | None = None) -> TrialSpec | None:
        """Proposes params that were not tried before; None if the space is used up.

        Args:
            like: Params that the sampler keeps; the portfolio ignores them.
        """
        while self._n_repeats < MAX_REPEATS + len(self._portfolio):
            spec = self._next(like)
            text = canonical_params(spec.params)
            if text not in self._seen:
                self._seen.add(text)
                self._n_repeats = 0
                return spec
            self._n_repeats += 1
            self._tell(spec.number, state="FAIL")  # it only repeats an earlier one
        if like is None:
            self.exhausted = True
        self._n_repeats = 0
        return None

    def ask_again(self, params: Params) -> TrialSpec:
        """Proposes params that were tried before, to be fitted with more time."""
        self._n_again += 1
        return self._ask_number(params, LONGER)

    def _next(self, like: Mapping[str, Any] | None = None) -> TrialSpec:
        """One more trial, which may repeat another."""
        place = self._n_asked - self._n_again
        if place < len(self._portfolio):
            return self._ask_number(self._portfolio[place], "portfolio")
        return self._ask_number(like, "sampler")

    def _ask_number(self, given: Mapping[str, Any] | None, source: str) -> TrialSpec:
        """The trial of the next number, with the given params or the sampler's."""
        number = self._n_asked
        self._n_asked += 1
        seed = derive_seed(self._seed, self.family.name, number)
        self.study.sampler = make_sampler(self._config, seed)
        params = self._params_of(self._ask_for(given))
        attributes = self.study.get_trials(deepcopy=False)[number].system_attrs
        noted = {key: value for key, value in attributes.items() if key != ENQUEUED}
        return TrialSpec(self.family.name, number, params, source, noted)

    def _ask_for(self, params: Mapping[str, Any] | None) -> optuna.trial.Trial:
        """A new trial of the study, with the given params or the sampler's."""
        if params is not None:
            self.study.enqueue_trial(dict(params))
        trial = self.study.ask()
        self._open[trial.number] = trial
        return trial

    def _params_of(self, trial: optuna.trial.Trial) -> dict[str, Any]:
        with warnings.catch_warnings():
            # Optuna warns of each portfolio value outside the space; it is used unclipped.
            warnings.simplefilter("ignore")
            suggest = FixedSuggest(trial, self._fixed)
            return {**self.family.search_space(suggest, self._shape), **self._added}

    def tell(self, trial: Trial, losses: Sequence[float], limits: LimitsConfig) -> None:
        """Tells the study of a finished trial.

        Args:
            trial: The trial.
            losses: One for each objective; empty if it has no score.
            limits: Upper bounds for the predictor.
        """
        if trial.state is TrialState.COMPLETE and losses:
            self.tell_complete(trial.spec, losses, trial.cost.excess_by_limit(limits))
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
            excess: Excess over each limit; 0 or less within it. The sampler prefers params within
                the limits.
        """
        self._worst = tuple(map(max, losses, self._worst or losses))
        for name, value in (excess or {}).items():
            self._open[spec.number].set_constraint(name, value)
        self._tell(spec.number, losses)

    def tell_pruned(self, spec: TrialSpec) -> None:
        """Tells that a trial was pruned."""
        self._tell(spec.number, state="PRUNED")

    def tell_out_of_memory(self, spec: TrialSpec) -> None:
        """Tells that a trial ran out of memory, so that the sampler avoids its region.

        The study receives it as complete, with the worst loss so far. Samplers ignore failed
        trials, and would return to a region that looks untried; a made-up loss would change the
        scale of the others.
        Before any loss is known it counts as pruned without a report, which TPE ranks behind every
        complete trial.
        """
        if self._worst is None:
            self.tell_pruned(spec)
            return
        self._tell(spec.number, self._worst)

    def tell_failed(self, spec: TrialSpec) -> None:
        """Tells that a trial failed."""
        self._tell(spec.number, state="FAIL")

    def _tell(
        self, number: int, losses: Sequence[float] | None = None, state: str | None = None
    ) -> None:
        import optuna

        told = None if state is None else optuna.trial.TrialState[state]
        self.study.tell(number, losses, state=told)
        self._open.pop(number, None)


def _overridden(
    entries: Iterable[Mapping[str, Any]], fixed: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The portfolio with the fixed params applied, without duplicates."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        changed = {**entry, **fixed}
        found.setdefault(canonical_params(changed), changed)
    return list(found.values())


def make_sampler(config: SamplerConfig, seed: int) -> optuna.samplers.BaseSampler:
    """A new sampler for each proposal, so that it depends only on history and seed."""
    import optuna

    if config.name not in SAMPLERS:
        raise ConfigError(f"sampler.name={config.name}: choose one of {', '.join(SAMPLERS)}")
    class_name, module = SAMPLERS[config.name]
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f"sampler.name={config.name}", module, config.name)
    startup = {} if config.name == "random" else {"n_startup_trials": config.startup_trials}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler: optuna.samplers.BaseSampler = getattr(optuna.samplers, class_name)(
            seed=seed, **startup
        )
        return sampler
