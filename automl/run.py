"""A finished run: its leaderboard and its predictions. Needs nothing of the search."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.run_reader import OpenedRun
from automl.store.files import read_json
from automl.store.run_dir import RunDir
from automl.surface import python_call

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from automl.data.table import Label, Table
    from automl.leaderboard import Board, TrialDetails
    from automl.tuning.lifecycle.rerun import Rerun
    from automl.tuning.refit.refit import Refit

__all__ = ["Run", "load_run"]

_READING = {"data.sql": "sql", "data.sheet": "sheet"}
_READING_NEW_ROWS = {**_READING, "data.strict": "strict"}
"""Settings of a search that are arguments of what reads a table."""


@python_call()
def load_run(path: str | Path, metric: Any = None) -> Run:
    """Opens a run directory.

    Args:
        path: The run directory.
        metric: The metric of the run, where the search was given a Python function: predictions
            need it not, scores of other tables do. Else None.

    Raises:
        RunError: It is not there, or holds no run.
        ConfigError: The run has another metric.
    """
    return Run(path, metric)


class Run:
    """A run directory, opened to look at or to predict with.

    Args:
        path: The run directory.
        metric: The metric of the run, where the search was given a Python function.

    Raises:
        RunError: It is not there, or holds no run.
        ConfigError: The run has another metric.
    """

    def __init__(self, path: str | Path, metric: Any = None) -> None:
        self._run = RunDir(Path(path)).check()
        self._metric = metric
        self._opened = OpenedRun(self._run, metric)
        if metric is not None:
            self._opened.check_given()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles as a handle onto the run directory: a metric that was given is left behind."""
        return load_run, (self.path.absolute(),)

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
        return str(self._opened.target.task.value)

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels as they stand in the data; empty for regression."""
        return self._opened.target.classes

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels that are predicted, ascending; empty unless the task is ``quantile``."""
        return self._opened.target.quantiles

    @python_call(_READING)
    def board(self, test: Any = None, *, sql: str | None = None, sheet: str | None = None) -> Board:
        """The leaderboard as a value.

        Args:
            test: A held-out table with the target: every complete trial and the ensemble are
                scored on it. Rows without a target are left out; ``notes`` says how many, and
                why a score is missing.
            sql: The query, where ``test`` is the URL of a database.
            sheet: As for ``read``.
        """
        from automl.leaderboard import read_board

        return read_board(
            self._run, None if test is None else self._opened.tested(test, sql, sheet)
        )

    @python_call(_READING)
    def leaderboard(
        self, test: Any = None, *, sql: str | None = None, sheet: str | None = None
    ) -> pd.DataFrame:
        """The leaderboard as a data frame, best first.

        Args:
            test: As for ``board``. A warning says which of its rows are left out, and why a score
                is missing.
            sql: The query, where ``test`` is the URL of a database.
            sheet: As for ``read``.
        """
        from automl.leaderboard import read_board

        tested = None if test is None else self._opened.tested(test, sql, sheet)
        for note in () if tested is None else tested.notes:
            warnings.warn(note, UserWarning, stacklevel=3)  # 2 is the decorator
        return read_board(self._run, tested).to_frame()

    def trial(self, trial: str) -> TrialDetails:
        """One trial in full: its row of the leaderboard, its folds, and its learning curves.

        Args:
            trial: Such as ``lightgbm-3``.

        Raises:
            RunError: There is no such trial; the nearest ones are named.
        """
        from automl.leaderboard import read_trial

        return read_trial(self._run, trial)

    @python_call(_READING_NEW_ROWS)
    def read(
        self,
        data: Any,
        *,
        sql: str | None = None,
        sheet: str | None = None,
        keep: Sequence[str] = (),
        strict: bool | None = None,
    ) -> Table:
        """Reads rows to predict, once for several predictions.

        Values that cannot be read count as missing; one ``MisfitWarning`` tells of all of them.

        Args:
            data: Path of a file or of a folder of images, URL of a database, or a pandas, polars
                or Arrow table, in the form of the data of the search. A dict of single values or
                a pandas Series is one row, a list of dicts several.
            sql: The query for a database; that of the search is not run again by itself.
            sheet: The sheet of an Excel file, by its name or number from 1; by default that of the
                search.
            keep: Columns of the data to hand on in ``kept``; the run need not know them.
            strict: Whether values that cannot be read are an error; None goes by the setting of
                the search, ``data.strict``.

        Returns:
            The columns the run knows. Its ``row_names`` tell what is predicted where the data has
            names for its rows: the files of a folder, the ids of series in the order in which
            they begin. Its ``misfits`` are the values that cannot be read.

        Raises:
            MissingColumnError: Columns are not there; all of them are named.
            DataError: It cannot be read, values of it cannot and that is an error, or it is a
                database and there is no query.
        """
        return self._opened.features(data, sql, sheet, keep=keep, strict=strict)

    @python_call(_READING_NEW_ROWS)
    def predict(
        self,
        data: Any,
        *,
        sql: str | None = None,
        sheet: str | None = None,
        strict: bool | None = None,
    ) -> Any:
        """Predicts labels, in the type they have in the data, values, or quantiles.

        Args:
            data: As for ``read``, or what it returned.
            sql: As for ``read``.
            sheet: As for ``read``.
            strict: As for ``read``.

        Returns:
            For a pandas frame a Series with its index and the name of the target, for a polars
            frame a polars Series, for anything else an array ``(n_rows,)``. For a quantile task a
            frame with a column for each level, such as ``q0.1``, or an array
            ``(n_rows, n_levels)``, each row ascending, in the order of ``quantiles``.

        Raises:
            MissingColumnError: Columns are not there; all of them are named.
        """
        import numpy as np

        from automl.data.returned import as_column, as_columns

        table = self._opened.features(data, sql, sheet, strict=strict)
        prediction = self._opened.predictor.predict(table)
        if self.quantiles:
            return as_columns(data, table, prediction, [f"q{q:g}" for q in self.quantiles])
        if self.classes:
            decided = self._opened.predictor.ensemble.calibration.decide(prediction)
            prediction = np.array(self.classes)[decided]
        return as_column(data, table, prediction, self._opened.target.name)

    @python_call(_READING_NEW_ROWS)
    def predict_proba(
        self,
        data: Any,
        *,
        sql: str | None = None,
        sheet: str | None = None,
        strict: bool | None = None,
    ) -> pd.DataFrame:
        """Predicts probabilities: one column per class, named by its label.

        They have the index of a pandas frame; for a polars frame they are a polars frame.

        Args:
            data: As for ``read``, or what it returned.
            sql: As for ``read``.
            sheet: As for ``read``.
            strict: As for ``read``.

        Raises:
            UserError: A number is predicted, and no class.
            MissingColumnError: Columns are not there; all of them are named.
        """
        from automl.data.returned import as_columns
        from automl.errors import UserError

        if not self.classes:
            raise UserError(f"{self.path} predicts numbers: there are no probabilities")
        table = self._opened.features(data, sql, sheet, strict=strict)
        shares = self._opened.predictor.predict(table)
        frame: pd.DataFrame = as_columns(data, table, shares, self.classes, always=True)
        return frame

    @python_call()
    def refit(self, *, undo: bool = False) -> Refit:
        """Fits each member once on all rows, for faster predictions; see ``refit_run``.

        Args:
            undo: Whether to take the models of the folds again instead.

        Raises:
            RunError: There is no ensemble, or the run is in use.
        """
        from automl.tuning.lifecycle.refit_run import refit_run

        done = refit_run(self._run, undo=undo, metric=self._metric)
        self._opened.__dict__.pop("predictor", None)  # that of the models before
        return done

    @python_call()
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
        from automl.tuning.lifecycle.rerun import rerun_trial

        return rerun_trial(self._run, trial, given=self._metric)

    @python_call()
    def trial_predictions(self, data: Any) -> Mapping[str, NDArray[np.float64]]:
        """Predicts a table with every complete trial alone.

        Returns:
            Probabilities ``(n_rows, n_classes)`` or values ``(n_rows,)`` by trial; trials whose
            models were not kept are left out.
        """
        return self._opened.predict_singly(self._opened.features(data))

    @python_call(_READING)
    def test_scores(
        self, test: Any, *, sql: str | None = None, sheet: str | None = None
    ) -> Mapping[str, float | None]:
        """Scores every complete trial, and the ensemble under ``ensemble``, on a held-out table.

        Rows are weighted as in the search where the table has the column of weights too. Rows
        without a target are left out. A score is None where the metric has no value for the rows,
        such as ROC AUC of rows of one class; ``board`` says why.
        """
        from automl.data.columns.misfits import warn_of_misfits

        tested = self._opened.tested(test, sql, sheet)
        warn_of_misfits(tested.misfits)
        return tested.scores
