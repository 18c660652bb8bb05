"""Reads the parts of a run directory on demand and builds its predictors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.config.read_options import read_options
from automl.config.reopened import metric_setting, registry_of
from automl.config.saved import load_config
from automl.config.schema import SearchConfig
from automl.data import ReadOptions, load_features, load_labelled, open_dataset, read_schema
from automl.data.columns.misfits import warn_of_misfits
from automl.data.folds.encoder_store import EncoderStore
from automl.data.persist import read_vocabulary
from automl.data.read.sql import is_database_url
from automl.data.split.choose import SplitPlan, load_split_plan
from automl.data.table import Column, Table, Target
from automl.ensemble import Ensemble, Member, Predictor, read_ensemble
from automl.errors import DataError
from automl.leaderboard import HeldOutScores, read_board, score_table
from automl.metrics import get_metric
from automl.plugin.metric import Metric
from automl.redact import shown, without_passwords
from automl.registry import Registry
from automl.store.run_dir import RunDir
from automl.surface import named
from automl.trial.records import read_record
from automl.trial.setup import problem_info, setup_of_run

__all__ = ["RunReader"]


class RunReader:
    """The contents of a run directory, and predictors built from it.

    Args:
        run: Run directory.
        metric: Metric of the search, if that was a Python object.
    """

    def __init__(self, run: RunDir, metric: Any = None) -> None:
        self.run, self._given = run, metric
        self._registries: dict[frozenset[str], Registry] = {}

    def single_trial_ensemble(self, trial_id: str) -> Ensemble | None:
        """Returns an ensemble of one trial; None if its models were not kept."""
        record = read_record(self.run, trial_id)
        folds = tuple(result.fold for result in record.folds)
        if not all(self.run.model(trial_id, fold).is_dir() for fold in folds):
            return None
        family = self.registry([record.spec.family]).get(record.spec.family)
        problem = problem_info(self.setup, self.dataset, self.metric, family)
        encoding = family.encoding(record.spec.params, problem)
        member = Member(trial_id, family.name, 1.0, folds, encoding, family.kinds)
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
        """Reads the feature columns of a table; it needs no target.

        Warns of unreadable values, once for all columns.
        """
        if isinstance(data, Table):
            return data
        options = replace(self.read_options_for(data, sql, sheet), carry=tuple(keep))
        if strict is not None:
            options = replace(options, strict=strict)
        table = load_features(data, self.schema[0], options)
        warn_of_misfits(table.misfits)
        return table

    def predict_singly(self, table: Table) -> dict[str, NDArray[np.float64]]:
        """Predicts with each complete trial separately, without trials whose models are gone."""
        singles = {trial: self.single_trial_ensemble(trial) for trial in self.complete_trials()}
        return {
            trial: self.make_predictor(single).predict(table)
            for trial, single in singles.items()
            if single is not None
        }

    def tested(self, test: Any, sql: str | None, sheet: str | None = None) -> HeldOutScores:
        """Scores every complete trial, and the ensemble, on a held-out table."""
        columns, target = self.schema
        options = self.read_options_for(test, sql, sheet)
        labelled = load_labelled(test, columns, target, options, self.config.weight)
        calibration = self.predictor.ensemble.calibration
        prediction = self.predictor.predict(labelled.table)
        predictions = {"ensemble": calibration.for_metric(self.metric, prediction)}
        singly = self.predict_singly(labelled.table)
        lost = set(self.complete_trials()) - set(singly)
        unpredicted = dict.fromkeys(sorted(lost), "its models were not kept (search.keep_models)")
        return score_table(labelled, predictions | singly, self.metric, unpredicted)

    def complete_trials(self) -> list[str]:
        """Returns the names of the complete trials, best first."""
        return [row.trial for row in read_board(self.run).trials if row.state == "complete"]

    @cached_property
    def config(self) -> SearchConfig:
        """The configuration of the search."""
        return load_config(self.run.config)

    def registry(self, families: Iterable[str] = ()) -> Registry:
        """Loads the plugins of some families and of the metric, and no others."""
        names = frozenset(families)
        if names not in self._registries:
            registry = registry_of(self.run, self.config, self._given, names)
            registry.tell_remarks()
            self._registries[names] = registry
        return self._registries[names]

    def read_options_for(
        self, source: Any, sql: str | None, sheet: str | None = None
    ) -> ReadOptions:
        """Returns the read options of the search, without its query and its table of series.

        Args:
            source: Data to read.
            sql: Query for a database. That of the run is never executed, as a run directory may
                come from someone else.
            sheet: Sheet of an Excel file; None takes that of the search.

        Raises:
            DataError: The source is a database and there is no query.
        """
        if sql is None and is_database_url(source):
            then = self.config.data.sql
            query = "SELECT * FROM my_table" if then is None else without_passwords(then)
            origin = "" if then is None else ", the query of the training"
            raise DataError(
                f"{shown(str(source))} is a database: add a query, such as "
                f"{named('data.sql', query)}{origin}"
            )
        options = read_options(self.config)
        if sheet is not None:
            options = replace(options, sheet=sheet, is_own_sheet=True)
        return replace(options, sql=sql, series_table=None, vocabulary=self.vocabulary)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Strings that the search recognised as missing values."""
        return read_vocabulary(self.run.data)

    @cached_property
    def schema(self) -> tuple[tuple[Column, ...], Target]:
        """The columns and the target."""
        return read_schema(self.run.data)

    @property
    def target(self) -> Target:
        """Target of the run."""
        return self.schema[1]

    @cached_property
    def metric(self) -> Metric:
        """Metric of the search.

        Raises:
            ConfigError: It was a Python object and is not given.
        """
        name, target, registry = metric_setting(self.run, self.config), self.target, self.registry()
        levels = target.quantiles
        return get_metric(name, target.task, registry.metrics, levels, registry.given)

    @cached_property
    def dataset(self) -> Any:
        """The data of the search."""
        return open_dataset(self.run.data)

    @cached_property
    def plan(self) -> SplitPlan:
        """Split plan of the search."""
        return load_split_plan(self.run.split)

    @cached_property
    def setup(self) -> Any:
        """Setup of the search's workers."""
        return setup_of_run(self.run, self.config, self.plan.n_folds, self.metric.name)

    @cached_property
    def predictor(self) -> Predictor:
        """Predictor of the ensemble."""
        return self.make_predictor(read_ensemble(self.run))

    def make_predictor(self, ensemble: Ensemble) -> Predictor:
        """Returns a predictor of an ensemble whose models are in the run."""
        store = EncoderStore(self.run.encodings, self.config.seed, self.plan.digest)
        registry = self.registry(member.family for member in ensemble.members)
        families = {name: r.family for name, r in registry.families.items()}
        offset = self.target.offset
        return Predictor(self.run, ensemble, families, store.encoder, offset=offset)
