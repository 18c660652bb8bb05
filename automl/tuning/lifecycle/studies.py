"""Writes a run's trials as Optuna studies, one per family, for dashboards and other samplers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from automl.config.schema import LimitsConfig
from automl.errors import RunError, UserError
from automl.redact import hide, shown
from automl.store.files import read_json, write_atomic
from automl.store.run_dir import RunDir
from automl.trial.inference_cost import cost_of
from automl.trial.records import read_records
from automl.trial.spec import TrialRecord, TrialState
from automl.tuning.propose.optuna_log import optuna_as_it_was

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage

__all__ = ["write_studies"]

PLAIN = (bool, int, float, str, type(None))


def write_studies(run: RunDir, to: str | None = None) -> Sequence[str]:
    """Writes all trials of a run as Optuna studies, also while the search is running.

    Only the manifest and the trial records are read, so no plugin is needed. Each study is named
    ``RUN/FAMILY``. It has a trial for each record: params with their distributions, the value of
    each objective, the reports on the first fold as intermediate values, and as user attributes
    family, trial id, state, fold scores and seconds. A trial cut by the end of the search counts
    as failed for Optuna: samplers do not learn from it.

    Args:
        run: The run directory.
        to: URL of a database, such as ``sqlite:///studies.db``. Studies that an earlier call wrote
            there for this run are replaced. None writes ``run.studies``, a file in Optuna's
            journal format.

    Returns:
        The names of the studies.

    Raises:
        RunError: The manifest or a record is missing or damaged.
        UserError: The database cannot be used, or has a study of this name from elsewhere.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    import optuna

    source = _Source.of(run)
    with warnings.catch_warnings(), optuna_as_it_was():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if to is None:
            return _write_journal(run, source)
        with _database(to) as storage:
            source.drop_from(storage, to)
            return source.add_to(storage)


def _write_journal(run: RunDir, source: _Source) -> Sequence[str]:
    """Writes the whole file at once: Optuna would sync it for each trial."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import BaseJournalBackend

    class Lines(BaseJournalBackend):
        def __init__(self) -> None:
            self.logs: list[dict[str, Any]] = []

        def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
            return self.logs[log_number_from:]

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            self.logs.extend(logs)

    lines = Lines()
    names = source.add_to(JournalStorage(lines))
    text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in lines.logs)
    write_atomic(run.studies, lambda file: file.write(text.encode()))
    return names


@contextmanager
def _database(url: str) -> Iterator[BaseStorage]:
    """Opens Optuna's storage at a URL.

    Raises:
        UserError: The text is not a URL, a driver is missing, or the database reports an error.
    """
    import optuna
    import sqlalchemy

    if "://" not in url:
        raise UserError(f"{url!r} is not the URL of a database: write sqlite:///FILE.db")
    refusals = (
        ImportError,
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
    )
    try:
        storage = optuna.storages.RDBStorage(url)
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except refusals as error:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        reason = next(iter(str(getattr(cause, "orig", None) or cause).splitlines()), "")
        raise UserError(
            f"studies cannot be written to {shown(url)}: {hide(reason, [url])}"
        ) from None


@dataclass(frozen=True, slots=True)
class _Source:
    """The manifest and records of a run, by family."""

    name: str
    manifest: Mapping[str, Any]
    records: Mapping[str, Sequence[TrialRecord]]
    spaces: Mapping[str, Mapping[str, Sequence[Any]]]

    @classmethod
    def of(cls, run: RunDir) -> _Source:
        manifest, records = read_json(run.manifest), dict[str, list[TrialRecord]]()
        for record in read_records(run):
            records.setdefault(record.spec.family, []).append(record)
        try:
            spaces = {name: manifest["families"][name]["space"] for name in records}
        except (KeyError, TypeError) as error:
            raise RunError(f"{run.manifest} is damaged: {error!r}") from None
        return cls(run.path.resolve().name, manifest, records, spaces)

    @property
    def mark(self) -> str:
        """Distinguishes the studies of this run from those of another of the same name."""
        return f"{self.manifest['started']} {self.manifest['data']['fingerprint']}"

    def drop_from(self, storage: BaseStorage, url: str) -> None:
        """Removes the studies of this run from a database.

        Raises:
            UserError: A study of this name is not from this run.
        """
        import optuna

        taken = set(optuna.study.get_all_study_names(storage))
        names = [name for f in self.records if (name := f"{self.name}/{f}") in taken]
        for name in names:
            study = optuna.load_study(study_name=name, storage=storage)
            if study.user_attrs.get("automl_run") != self.mark:
                raise UserError(
                    f"{shown(url)} has a study {name!r} that is not from this run: name another "
                    "database with --to"
                )
        for name in names:
            optuna.delete_study(study_name=name, storage=storage)

    def add_to(self, storage: BaseStorage) -> Sequence[str]:
        """Adds a study for each family; returns their names."""
        import optuna

        objectives, metric = self.manifest["objectives"], self.manifest["metric"]
        up, down = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
        best = up if metric["greater_is_better"] else down
        directions = [best if name == "score" else down for name in objectives]
        for family, records in self.records.items():
            study = optuna.create_study(
                study_name=f"{self.name}/{family}", storage=storage, directions=directions
            )
            study.set_metric_names([metric["name"] if n == "score" else n for n in objectives])
            study.set_user_attr("automl_run", self.mark)
            space = _distributions(self.spaces[family], records)
            study.add_trials([self._trial(record, space) for record in records])
        return [f"{self.name}/{family}" for family in self.records]

    def _trial(
        self, record: TrialRecord, space: Mapping[str, BaseDistribution]
    ) -> optuna.trial.FrozenTrial:
        import optuna

        values = self._values(record)
        params = {k: _plain(v) for k, v in record.spec.params.items() if k in space}
        limits = LimitsConfig(**self.manifest["limits"])
        cost = cost_of(record.folds, newest_alone=self.manifest["split"]["kind"] == "time")
        trial = optuna.trial.create_trial(
            state=_state(record, values),
            values=values,
            params=params,
            distributions={name: space[name] for name in params},
            user_attrs=_user_attributes(record, space),
            intermediate_values=_reports(record),
            constraints=cost.excess_by_limit(limits) if values else None,
        )
        began = datetime.fromisoformat(self.manifest["started"]).astimezone().replace(tzinfo=None)
        trial.datetime_start = began + timedelta(seconds=record.started_s)
        if trial.state.is_finished():
            ended_s = record.started_s if record.finished_s is None else record.finished_s
            trial.datetime_complete = began + timedelta(seconds=ended_s)
        return trial

    def _values(self, record: TrialRecord) -> list[float] | None:
        """The value of each objective; None if the trial has no score."""
        if record.state is not TrialState.COMPLETE or record.score is None:
            return None
        cost = cost_of(record.folds, newest_alone=self.manifest["split"]["kind"] == "time")
        values = {"score": record.score, "predict_ms": cost.predict_ms, "size_mb": cost.size_mb}
        return [values[name] for name in self.manifest["objectives"]]


def _state(record: TrialRecord, values: Sequence[float] | None) -> optuna.trial.TrialState:
    import optuna

    states = optuna.trial.TrialState
    if values is not None:
        return states.COMPLETE
    known = {TrialState.RUNNING: states.RUNNING, TrialState.PRUNED: states.PRUNED}
    return known.get(record.state, states.FAIL)


def _reports(record: TrialRecord) -> dict[int, float]:
    """Scores by step on the first fold, which all trials of a family have in common."""
    return dict(record.folds[0].steps if record.folds else record.cut_steps)


def _user_attributes(record: TrialRecord, space: Mapping[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "family": record.spec.family,
        "trial": record.trial_id,
        "state": record.state.value,
        "source": record.spec.source,
        "fold_scores": {str(fold.fold): fold.final_score for fold in record.folds},
        "fit_s": record.fit_s,
        "predict_s": record.predict_s,
    }
    outside = {name: value for name, value in record.spec.params.items() if name not in space}
    if outside:
        found["params outside the space"] = outside
    if record.error is not None:
        found["error"] = f"{record.error.kind}: {record.error.message}"
    return found


def _distributions(
    space: Mapping[str, Sequence[Any]], records: Sequence[TrialRecord]
) -> dict[str, BaseDistribution]:
    """The distribution of each param, widened if a recorded value is outside the space."""
    tried: dict[str, list[Any]] = {}
    for record in records:
        for name, value in record.spec.params.items():
            tried.setdefault(name, []).append(value)
    return {
        name: _distribution(described, tried[name])
        for name, described in space.items()
        if name in tried and described[0] != "fixed"
    }


def _distribution(described: Sequence[Any], tried: Sequence[Any]) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    kind, *details = described
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in tried)
    if kind == "categorical" or not numeric:
        choices = [*(details if kind == "categorical" else ()), *tried]
        return CategoricalDistribution(list({json.dumps(c): _plain(c) for c in choices}.values()))
    low, high = min(details[0], *tried), max(details[1], *tried)
    if kind == "int" and all(float(value).is_integer() for value in (low, high, *tried)):
        return IntDistribution(int(low), int(high), log=details[2] and low >= 1)
    return FloatDistribution(low, high, log=details[2] and low > 0)


def _plain(value: Any) -> Any:
    """A value for Optuna's storages: lists and the like as JSON."""
    return value if isinstance(value, PLAIN) else json.dumps(value)
