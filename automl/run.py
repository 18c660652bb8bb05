"""A finished run: its leaderboard and its predictions. Needs nothing of the search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.store.files import read_json
from automl.store.run_dir import RunDir

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from automl.config.schema import SearchConfig
    from automl.data import ReadOptions
    from automl.data.split import SplitPlan
    from automl.data.table import Column, Label, Table, Target
    from automl.ensemble import Ensemble, Predictor
    from automl.leaderboard import Board
    from automl.plugin.metric import Metric
    from automl.registry import Registry
    from automl.search.refit import Refit
    from automl.search.rerun import Rerun

__all__ = ["Run", "load_run"]


def load_run(path: str | Path) -> Run:
    """Opens a run directory.

    Raises:
        RunError: It is not there, or holds no run.
    """
    return Run(path)


class Run:
    """A run directory, opened to look at or to predict with.

    Args:
        path: The run directory.

    Raises:
        RunError: It is not there, or holds no run.
    """

    def __init__(self, path: str | Path) -> None:
        self._run = RunDir(Path(path)).check()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._run.path

    @property
    def stopped_by(self) -> str:
        """``time``, ``trials``, ``exhausted`` or ``interrupt``; "" while it runs or when killed."""
        return str(read_json(self._run.manifest).get("stopped_by", ""))

    @property
    def task(self) -> str:
        """``binary``, ``multiclass``, ``regression`` or ``quantile``."""
        return str(self._target.task.value)

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels as they stand in the data; empty for regression."""
        return self._target.classes

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels that are predicted, ascending; empty unless the task is ``quantile``."""
        return self._target.quantiles

    def board(self, test: Any = None) -> Board:
        """The leaderboard as a value.

        Args:
            test: A held-out table with the target: every complete trial and the ensemble are
                scored on it.
        """
        from automl.leaderboard import read_board

        return read_board(self._run, None if test is None else self.test_scores(test))

    def leaderboard(self, test: Any = None) -> pd.DataFrame:
        """The leaderboard as a data frame, best first.

        Args:
            test: As for ``board``.
        """
        return self.board(test).to_frame()

    def predict(self, data: Any) -> NDArray[Any]:
        """Predicts labels, in the type they have in the data, values, or quantiles.

        Args:
            data: Path of a file, URL of a database, or a pandas, polars or Arrow table.

        Returns:
            An array of shape ``(n_rows,)``; for a quantile task ``(n_rows, n_levels)``, each row
            ascending, in the order of ``quantiles``.

        Raises:
            MissingColumnError: Columns are not there; all of them are named.
        """
        import numpy as np

        prediction = self._predictor.predict(self._features(data))
        if not self.classes:
            return prediction
        decided = self._predictor.ensemble.calibration.decide(prediction)
        labels: NDArray[Any] = np.array(self.classes)[decided]
        return labels

    def predict_proba(self, data: Any) -> pd.DataFrame:
        """Predicts probabilities: one column per class, named by its label.

        Raises:
            UserError: A number is predicted, and no class.
            MissingColumnError: Columns are not there; all of them are named.
        """
        import pandas as pd

        from automl.errors import UserError

        if not self.classes:
            raise UserError(f"{self.path} predicts numbers: there are no probabilities")
        return pd.DataFrame(
            self._predictor.predict(self._features(data)), columns=list(self.classes)
        )

    def refit(self, *, undo: bool = False) -> Refit:
        """Fits each member once on all rows, for faster predictions; see ``refit_run``.

        Args:
            undo: Whether to take the models of the folds again instead.

        Raises:
            RunError: There is no ensemble, or the run is in use.
        """
        from automl.search.refit import refit_run

        done = refit_run(self._run, undo=undo)
        self.__dict__.pop("_predictor", None)  # that of the models before
        return done

    def rerun(self, trial: str) -> Rerun:
        """Runs one trial again, alone, from its record; this run is only read.

        Args:
            trial: Such as ``lightgbm-3``. One that failed fails again where its record says why,
                and the traceback of the worker is in ``folds[-1].error``.

        Returns:
            Score by fold beside the recorded one, and whether they are equal.

        Raises:
            RunError: There is no such trial; the nearest ones are named.
            PluginError: Its family is not installed.
        """
        from automl.search.rerun import rerun_trial

        return rerun_trial(self._run, trial)

    def trial_predictions(self, data: Any) -> Mapping[str, NDArray[np.float64]]:
        """Predicts a table with every complete trial alone.

        Returns:
            Probabilities ``(n_rows, n_classes)`` or values ``(n_rows,)`` by trial; trials whose
            models were not kept are left out.
        """
        return self._predict_singly(self._features(data))

    def test_scores(self, test: Any) -> Mapping[str, float]:
        """Scores every complete trial, and the ensemble under ``ensemble``, on a held-out table.

        Rows are weighted as in the search where the table has the column of weights too.
        """
        from automl.data import load_labelled

        columns, target = self._schema
        options, weight_column = self._options_for(test), self._config.weight
        table, y, weight = load_labelled(test, columns, target, options, weight_column)

        def score(prediction: NDArray[np.float64]) -> float:
            return self._metric.score(y, prediction, weight)

        calibration = self._predictor.ensemble.calibration
        prediction = calibration.shown_to(self._metric, self._predictor.predict(table))
        singly = self._predict_singly(table)
        return {"ensemble": score(prediction)} | {t: score(p) for t, p in singly.items()}

    def _predict_singly(self, table: Table) -> dict[str, NDArray[np.float64]]:
        from automl.leaderboard import read_board

        complete = (row.trial for row in read_board(self._run).trials if row.state == "complete")
        singles = {trial: self._single(trial) for trial in complete}
        return {
            trial: self._make_predictor(single).predict(table)
            for trial, single in singles.items()
            if single is not None
        }

    def _single(self, trial_id: str) -> Ensemble | None:
        """A predictor of one trial alone; None where its models were not kept."""
        from automl.ensemble import Ensemble, Member
        from automl.trial.records import read_record
        from automl.trial.setup import family_shape

        record = read_record(self._run, trial_id)
        folds = tuple(result.fold for result in record.folds)
        if not all(self._run.model(trial_id, fold).is_dir() for fold in folds):
            return None
        family = self._registry.get(record.spec.family)
        shape = family_shape(self._setup, self._dataset, self._metric, family)
        view = family.view(record.spec.params, shape)
        member = Member(trial_id, family.name, 1.0, folds, view, family.kinds)
        target = self._target
        return Ensemble(
            (member,),
            target.task,
            target.n_classes,
            self._metric.name,
            record.score or 0.0,
            n_levels=len(target.quantiles),
        )

    def _features(self, data: Any) -> Table:
        from automl.data import load_features

        return load_features(data, self._schema[0], self._options_for(data))

    @cached_property
    def _config(self) -> SearchConfig:
        from automl.config import load_config

        return load_config(self._run.config)

    @cached_property
    def _registry(self) -> Registry:
        from automl.registry import load_registry

        return load_registry(self._config.plugins.modules, self._config.plugins.block)

    def _options_for(self, source: Any) -> ReadOptions:
        """How a source is read: as the search read its own, whose query is for databases only."""
        from automl.data.sql import is_database_url
        from automl.search.problem import read_options

        options = read_options(self._config)
        return options if is_database_url(source) else replace(options, sql=None)

    @cached_property
    def _schema(self) -> tuple[tuple[Column, ...], Target]:
        from automl.data import read_schema

        return read_schema(self._run.data)

    @property
    def _target(self) -> Target:
        return self._schema[1]

    @cached_property
    def _metric(self) -> Metric:
        from automl.metrics import get_metric

        name = self._config.metric or read_json(self._run.manifest)["metric"]["name"]
        target = self._target
        return get_metric(name, target.task, self._registry.metrics, target.quantiles)

    @cached_property
    def _dataset(self) -> Any:
        from automl.data import open_dataset

        return open_dataset(self._run.data)

    @cached_property
    def _plan(self) -> SplitPlan:
        from automl.data.split import load_split_plan

        return load_split_plan(self._run.split)

    @cached_property
    def _setup(self) -> Any:
        from automl.search.problem import trial_setup

        return trial_setup(self._run, self._config, self._plan, self._metric.name)

    @cached_property
    def _predictor(self) -> Predictor:
        from automl.ensemble import read_ensemble

        return self._make_predictor(read_ensemble(self._run))

    def _make_predictor(self, ensemble: Ensemble) -> Predictor:
        from automl.data.cache import load_encoder
        from automl.ensemble import Predictor

        run, seed, digest = self._run, self._config.seed, self._plan.digest
        families = {name: r.family for name, r in self._registry.families.items()}
        return Predictor(
            run,
            ensemble,
            families,
            lambda fold, view, kinds: load_encoder(run.views, fold, view, kinds, seed, digest),
        )
