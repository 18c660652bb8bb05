"""One Optuna study per family, asked and told by the controller alone."""

from __future__ import annotations

import contextlib
import sqlite3
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.config.schema import SamplerConfig
from automl.errors import RunError
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.search.samplers import make_sampler
from automl.search.space import FixedSuggest, space_hash
from automl.trial.records import canonical_params
from automl.trial.setup import seed_of
from automl.trial.spec import TrialSpec

if TYPE_CHECKING:
    import optuna

__all__ = ["FamilyStudy", "open_storage"]

MAX_REPEATS = 8  # as many proposals in a row that were tried before: the space is used up


def open_storage(path: Path) -> optuna.storages.RDBStorage:
    """Opens Optuna's storage on a SQLite file with a write-ahead log.

    Raises:
        RunError: The file is damaged.
    """
    import optuna
    import sqlalchemy

    _check(path)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    # A URL would give a meaning to some characters of the path.
    options = {"creator": connect, "poolclass": sqlalchemy.pool.QueuePool}
    return optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)


def _check(path: Path) -> None:
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise RunError(
            f"{path} is damaged: {problem}; remove it (and {path.name}-wal, {path.name}-shm) to "
            "have it made again from the records of the trials"
        )


class FamilyStudy:
    """Proposes params for one family: its portfolio first, then the sampler.

    The sampler works on a study in memory. The storage of the run gets each trial in one piece,
    so a process that is killed leaves no half of one there, and is read only where an earlier
    search is continued. Both are made when the first params are asked for.

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
        self._open_storage = storage
        self._fixed: Mapping[str, Any] = shape.settings.get("fixed") or {}
        self._portfolio = [dict(p) | dict(self._fixed) for p in family.portfolio(shape)]
        self._seen: set[str] = set()
        self._n_asked = self._n_repeats = 0
        self._unrecorded: optuna.trial.FrozenTrial | None = None
        self._told: set[int] = set()
        self._worst: float | None = None
        self.exhausted = False

    @cached_property
    def _name(self) -> str:
        return f"{self.family.name}@{space_hash(self.family, self._shape)}"

    @cached_property
    def _stored(self) -> optuna.Study:
        return self._make_study(self._open_storage())

    @cached_property
    def _study(self) -> optuna.Study:
        import optuna

        return self._make_study(optuna.storages.InMemoryStorage())

    def _make_study(self, storage: optuna.storages.BaseStorage) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        return optuna.create_study(
            study_name=self._name, storage=storage, direction="minimize", load_if_exists=True
        )

    def restore(self, specs: Sequence[TrialSpec]) -> None:
        """Takes up an earlier search: what is asked next is what it would have asked.

        Trials that the storage has lost are entered again. A trial that is there without a
        record, because the process was killed between the two, is the next to be proposed.

        Args:
            specs: All recorded trials of the family; their outcomes are yet to be told.
        """
        import optuna

        known = {spec.number: spec for spec in specs}
        self._seen = {canonical_params(spec.params) for spec in specs}
        trials = self._stored.get_trials(deepcopy=False)
        for trial in trials:
            _enter(self._study, trial)
        self._told = {trial.number for trial in trials if trial.state.is_finished()}
        for number in range(len(trials), max(known, default=-1) + 1):
            self._enter_lost(known.get(number))
        trials = self._study.get_trials(deepcopy=False)
        self._n_asked = len(trials)
        for trial in reversed(trials):
            if trial.number in known:
                break
            if trial.state is optuna.trial.TrialState.RUNNING:
                self._unrecorded = trial
            else:
                self._n_repeats += 1

    def _enter_lost(self, spec: TrialSpec | None) -> None:
        """Enters a recorded trial into both studies, or one that only repeated another."""
        import optuna

        params = {} if spec is None else spec.params
        trial = self._ask_for(params)
        if spec is None:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._params_of(trial)
        _enter(self._stored, self._study.get_trials(deepcopy=False)[trial.number])

    def ask(self) -> TrialSpec | None:
        """Proposes params that were not tried before; None when the space is used up."""
        import optuna

        while self._n_repeats < MAX_REPEATS + len(self._portfolio):
            number, params = self._next()
            text = canonical_params(params)
            if text not in self._seen:
                self._seen.add(text)
                self._n_repeats = 0
                source = "portfolio" if number < len(self._portfolio) else "sampler"
                return TrialSpec(self.family.name, number, params, source)
            self._n_repeats += 1
            self._tell(number, state=optuna.trial.TrialState.FAIL)
        self.exhausted = True
        return None

    def _next(self) -> tuple[int, dict[str, Any]]:
        """Number and params of one more trial, which both studies know from now on."""
        if self._unrecorded is not None:
            trial, self._unrecorded = self._unrecorded, None
            suggest = FixedSuggest(_Nothing(), {**trial.params, **self._fixed})
            return trial.number, self.family.search_space(suggest, self._shape)
        number = self._n_asked
        self._n_asked += 1
        seed = seed_of(self._seed, self.family.name, number)
        self._study.sampler = make_sampler(self._config, seed)
        asked = self._ask_for(self._portfolio[number] if number < len(self._portfolio) else None)
        params = self._params_of(asked)
        _enter(self._stored, self._study.get_trials(deepcopy=False)[number])
        return number, params

    def _ask_for(self, params: Mapping[str, Any] | None) -> optuna.trial.Trial:
        """A new trial of the study in memory, with params of its own or the sampler's."""
        if params is not None:
            self._study.enqueue_trial(dict(params))
        return self._study.ask()

    def _params_of(self, trial: optuna.trial.Trial) -> dict[str, Any]:
        with warnings.catch_warnings():
            # Optuna says so of each portfolio value outside the space; it is used unclipped.
            warnings.simplefilter("ignore")
            suggest = FixedSuggest(trial, self._fixed)
            return self.family.search_space(suggest, self._shape)

    def tell_complete(self, spec: TrialSpec, loss: float) -> None:
        """Tells the loss of a complete trial."""
        self._worst = loss if self._worst is None else max(self._worst, loss)
        self._tell(spec.number, loss)

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
        if spec.number not in self._told:
            storage, study = self._stored._storage, self._stored._study_id
            trial = storage.get_trial_id_from_study_id_trial_number(study, spec.number)
            storage.set_trial_user_attr(trial, "penalty", "out of memory")  # for who looks at it
        self._tell(spec.number, self._worst)

    def tell_failed(self, spec: TrialSpec) -> None:
        """Tells that a trial failed."""
        import optuna

        self._tell(spec.number, state=optuna.trial.TrialState.FAIL)

    def _tell(
        self, number: int, loss: float | None = None, state: optuna.trial.TrialState | None = None
    ) -> None:
        """Tells both studies, unless they know the outcome from an earlier search."""
        if number in self._told:
            return
        for study in (self._study, self._stored):
            study.tell(number, loss, state=state)


class _Nothing:
    """Stands behind params that are all fixed."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        raise _moved(name)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        raise _moved(name)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        raise _moved(name)


def _moved(name: str) -> RunError:
    return RunError(f"param {name!r} is not in the study of the run: its search space was changed")


def _enter(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Adds a trial as it is, in one transaction; values outside the space are not refused."""
    storage = study._storage
    storage.create_new_trial(study._study_id, template_trial=trial)
