"""One Optuna study per family, asked and told by the controller alone."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.config.schema import SamplerConfig
from automl.errors import ConfigError, MissingExtraError
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.search.space import FixedSuggest, space_hash
from automl.trial.records import canonical_params
from automl.trial.setup import seed_of
from automl.trial.spec import TrialSpec

if TYPE_CHECKING:
    import optuna

__all__ = ["FamilyStudy", "open_storage"]

MAX_REPEATS = 8  # as many proposals in a row that were tried before: the space is used up


def open_storage(path: Path) -> optuna.storages.RDBStorage:
    """Opens Optuna's storage on a SQLite file with a write-ahead log."""
    import optuna
    import sqlalchemy

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    # A URL would give a meaning to some characters of the path.
    options = {"creator": connect, "poolclass": sqlalchemy.pool.QueuePool}
    return optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)


class FamilyStudy:
    """Proposes params for one family: its portfolio first, then the sampler.

    The study is made in the storage when the first params are asked for.

    Args:
        family: The family.
        shape: The problem as it sees it.
        storage: Gives Optuna's storage of the run.
        sampler: Which sampler, and how it starts.
        seed: Of the run.
    """

    def __init__(
        self,
        family: ModelFamily,
        shape: Shape,
        storage: Callable[[], optuna.storages.BaseStorage],
        sampler: SamplerConfig,
        seed: int,
    ) -> None:
        self.family, self._shape, self._config, self._seed = family, shape, sampler, seed
        self._storage = storage
        self._fixed: Mapping[str, Any] = shape.settings.get("fixed") or {}
        self._portfolio = [dict(p) | dict(self._fixed) for p in family.portfolio(shape)]
        self._seen: set[str] = set()
        self._open: dict[int, optuna.trial.Trial] = {}
        self._n_asked = 0
        self._worst: float | None = None
        self.exhausted = False

    @cached_property
    def _study(self) -> optuna.Study:
        import optuna

        return optuna.create_study(
            study_name=f"{self.family.name}@{space_hash(self.family, self._shape)}",
            storage=self._storage(),
            direction="minimize",
            load_if_exists=True,
        )

    def ask(self) -> TrialSpec | None:
        """Proposes params that were not tried before; None when the space is used up."""
        import optuna

        for _ in range(MAX_REPEATS + len(self._portfolio)):
            number = self._n_asked
            self._n_asked += 1
            from_portfolio = number < len(self._portfolio)
            if from_portfolio:
                self._study.enqueue_trial(self._portfolio[number])
            seed = seed_of(self._seed, self.family.name, number)
            self._study.sampler = _make_sampler(self._config, seed)
            with warnings.catch_warnings():
                # Optuna says so of each portfolio value outside the space; it is used unclipped.
                warnings.simplefilter("ignore")
                trial = self._study.ask()
                suggest = FixedSuggest(trial, self._fixed)
                params = self.family.search_space(suggest, self._shape)
            text = canonical_params(params)
            if text not in self._seen:
                self._seen.add(text)
                self._open[trial.number] = trial
                source = "portfolio" if from_portfolio else "sampler"
                return TrialSpec(self.family.name, trial.number, params, source)
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        self.exhausted = True
        return None

    def tell_complete(self, spec: TrialSpec, loss: float) -> None:
        """Tells the loss of a complete trial."""
        self._worst = loss if self._worst is None else max(self._worst, loss)
        self._study.tell(self._open.pop(spec.number), loss)

    def tell_pruned(self, spec: TrialSpec) -> None:
        """Tells that a trial was stopped early."""
        import optuna

        state = optuna.trial.TrialState.PRUNED
        self._study.tell(self._open.pop(spec.number), state=state)

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
        trial = self._open.pop(spec.number)
        trial.set_user_attr("penalty", "out of memory")  # for who looks at the study
        self._study.tell(trial, self._worst)

    def tell_failed(self, spec: TrialSpec) -> None:
        """Tells that a trial failed."""
        import optuna

        self._study.tell(self._open.pop(spec.number), state=optuna.trial.TrialState.FAIL)


def _make_sampler(config: SamplerConfig, seed: int) -> optuna.samplers.BaseSampler:
    """A fresh sampler for each proposal: what it draws depends on history and seed alone."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if config.name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=config.startup_trials)
        if config.name == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        if config.name == "gp":
            _need("torch", "gp")
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=config.startup_trials)
        if config.name == "cmaes":
            _need("cmaes", "cmaes")
            return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=config.startup_trials)
    raise ConfigError(f"sampler.name={config.name}: choose one of tpe, random, gp, cmaes")


def _need(module: str, extra: str) -> None:
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f"sampler.name={extra}", module, extra)
