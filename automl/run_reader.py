"""The parts of a finished run, each opened when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from automl.store.run_dir import RunDir
from automl.surface import named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from automl.config.schema import SearchConfig
    from automl.data import ReadOptions
    from automl.data.split.choose import SplitPlan
    from automl.data.table import Column, Table, Target
    from automl.ensemble import Ensemble, Predictor
    from automl.leaderboard import HeldOutScores
    from automl.plugin.metric import Metric
    from automl.registry import Registry

__all__ = ["OpenedRun"]


class OpenedRun:
    """What lies in a run directory, and the predictors made of it.

    Args:
        run: The run directory.
        metric: The metric of the search, where that is a Python object.
    """

    def __init__(self, run: RunDir, metric: Any = None) -> None:
        self.run, self._given = run, metric
        self._registries: dict[frozenset[str], Registry] = {}

    def single(self, trial_id: str) -> Ensemble | None:
        """A predictor of one trial alone; None where its models were not kept."""
        from automl.ensemble import Ensemble, Member
        from automl.trial.records import read_record
        from automl.trial.setup import family_shape

        record = read_record(self.run, trial_id)
        folds = tuple(result.fold for result in record.folds)
        if not all(self.run.model(trial_id, fold).is_dir() for fold in folds):
            return None
        family = self.registry([record.spec.family]).get(record.spec.family)
        shape = family_shape(self.setup, self.dataset, self.metric, family)
        view = family.view(record.spec.params, shape)
        member = Member(trial_id, family.name, 1.0, folds, view, family.kinds)
        target = self.target
        return Ensemble(
            (member,),
            target.task,
            target.n_classes,
            self.metric.name,
            record.score or 0.0,
            n_levels=len(target.quantiles),
        )

    def features(
        self,
        data: Any,
        sql: str | None = None,
        sheet: str | None = None,
        *,
        keep: Sequence[str] = (),
        strict: bool | None = None,
    ) -> Table:
        """The columns of a table as the run knows them; labels are not asked for.

        Values that cannot be read are warned of, once for all columns.
        """
        from automl.data import Table, load_features
        from automl.data.columns.misfits import warn_of_misfits

        if isinstance(data, Table):
            return data
        options = replace(self.options_for(data, sql, sheet), carry=tuple(keep))
        if strict is not None:
            options = replace(options, strict=strict)
        table = load_features(data, self.schema[0], options)
        warn_of_misfits(table.misfits)
        return table

    def predict_singly(self, table: Table) -> dict[str, NDArray[np.float64]]:
        """Predictions of every complete trial alone; trials whose models are gone are left out."""
        singles = {trial: self.single(trial) for trial in self.complete_trials()}
        return {
            trial: self.make_predictor(single).predict(table)
            for trial, single in singles.items()
            if single is not None
        }

    def tested(self, test: Any, sql: str | None, sheet: str | None = None) -> HeldOutScores:
        """Scores every complete trial, and the ensemble, on a held-out table."""
        from automl.data import load_labelled
        from automl.leaderboard import score_table

        columns, target = self.schema
        options = self.options_for(test, sql, sheet)
        labelled = load_labelled(test, columns, target, options, self.config.weight)
        calibration = self.predictor.ensemble.calibration
        prediction = self.predictor.predict(labelled.table)
        shown = {"ensemble": calibration.shown_to(self.metric, prediction)}
        singly = self.predict_singly(labelled.table)
        lost = set(self.complete_trials()) - set(singly)
        unpredicted = dict.fromkeys(sorted(lost), "its models were not kept (search.keep_models)")
        return score_table(labelled, shown | singly, self.metric, unpredicted)

    def complete_trials(self) -> list[str]:
        """Names of the complete trials, best first."""
        from automl.leaderboard import read_board

        return [row.trial for row in read_board(self.run).trials if row.state == "complete"]

    def check_given(self) -> None:
        """Checks that a metric that was given is that of the run.

        Raises:
            ConfigError: It is not.
        """
        from automl.config.reopened import metric_setting
        from automl.metrics import CATALOG, given_again

        given_again(self._given, metric_setting(self.run, self.config), frozenset(CATALOG))

    @cached_property
    def config(self) -> SearchConfig:
        """The configuration of the search."""
        from automl.config import load_config

        return load_config(self.run.config)

    def registry(self, families: Iterable[str] = ()) -> Registry:
        """The plugins of some families and of the metric; no others are imported."""
        from automl.config.reopened import registry_of

        names = frozenset(families)
        if names not in self._registries:
            registry = registry_of(self.run, self.config, self._given, names)
            registry.tell_remarks()
            self._registries[names] = registry
        return self._registries[names]

    def options_for(self, source: Any, sql: str | None, sheet: str | None = None) -> ReadOptions:
        """How a source is read: as the search read its own, but for what belongs to that alone.

        That is its query, and the table of its series.

        Args:
            source: What is to be read.
            sql: The query for a database. That of the run is never run: a run directory may come
                from somebody else.
            sheet: The sheet of an Excel file; None for that of the search.

        Raises:
            DataError: The source is a database, and there is no query.
        """
        from automl.config.read_options import read_options
        from automl.data.read.sql import is_database_url
        from automl.errors import DataError
        from automl.redact import shown, without_passwords

        if sql is None and is_database_url(source):
            then = self.config.data.sql
            query = "SELECT * FROM my_table" if then is None else without_passwords(then)
            origin = "" if then is None else ", the query of the training"
            raise DataError(
                f"{shown(str(source))} is a database: add what to read, such as "
                f"{named('data.sql', query)}{origin}"
            )
        options = read_options(self.config)
        if sheet is not None:
            options = replace(options, sheet=sheet, is_own_sheet=True)
        return replace(options, sql=sql, series_table=None, vocabulary=self.vocabulary)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The texts that stood for a missing value by themselves."""
        from automl.data.persist import read_vocabulary

        return read_vocabulary(self.run.data)

    @cached_property
    def schema(self) -> tuple[tuple[Column, ...], Target]:
        """The columns, and the target."""
        from automl.data import read_schema

        return read_schema(self.run.data)

    @property
    def target(self) -> Target:
        """What is predicted."""
        return self.schema[1]

    @cached_property
    def metric(self) -> Metric:
        """What the search judged by.

        Raises:
            ConfigError: It is a Python object, and was not given.
        """
        from automl.config.reopened import metric_setting
        from automl.metrics import get_metric

        name, target, registry = metric_setting(self.run, self.config), self.target, self.registry()
        levels = target.quantiles
        return get_metric(name, target.task, registry.metrics, levels, registry.given)

    @cached_property
    def dataset(self) -> Any:
        """The data of the search."""
        from automl.data import open_dataset

        return open_dataset(self.run.data)

    @cached_property
    def plan(self) -> SplitPlan:
        """Its divisions."""
        from automl.data.split.choose import load_split_plan

        return load_split_plan(self.run.split)

    @cached_property
    def setup(self) -> Any:
        """What its workers were told."""
        from automl.trial.setup import setup_of_run

        return setup_of_run(self.run, self.config, self.plan.n_folds, self.metric.name)

    @cached_property
    def predictor(self) -> Predictor:
        """Predicts with the ensemble."""
        from automl.ensemble import read_ensemble

        return self.make_predictor(read_ensemble(self.run))

    def make_predictor(self, ensemble: Ensemble) -> Predictor:
        """Predicts with some members, whose models are in the run."""
        from automl.data.folds.encoder_store import EncoderStore
        from automl.ensemble import Predictor

        store = EncoderStore(self.run.views, self.config.seed, self.plan.digest)
        registry = self.registry(member.family for member in ensemble.members)
        families = {name: r.family for name, r in registry.families.items()}
        offset = self.target.offset
        return Predictor(self.run, ensemble, families, store.encoder, offset=offset)
