"""Opens a run directory: leaderboard, predictions, scores, refit and rerun."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.store.files import read_json
from automl.store.run_dir import RunDir
from automl.surface import python_call

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from automl.data.table import Label, Table
    from automl.leaderboard import Leaderboard, TrialDetails
    from automl.tuning.lifecycle.rerun import RerunResult
    from automl.tuning.refit.refit import RefitResult

__all__ = ["Run", "load_run"]

_READING = {"data.sql": "sql", "data.sheet": "sheet"}
_READING_NEW_ROWS = {**_READING, "data.strict": "strict"}
"""Settings of a search that are arguments of the methods that read a table."""


@python_call()
def load_run(path: str | Path, metric: Any = None) -> Run:
    """Opens a run directory.

    Args:
        path: Run directory.
        metric: The function that the search was given as its metric. Scores of other tables need
            it, predictions do not.

    Raises:
        RunError: The path does not exist or is not a run directory.
        ConfigError: The run has another metric.

    Example:
        >>> import automl
        >>> automl.load_run("runs/flats").predict(flats.head(2)).tolist()
        ['no', 'no']
    """
    return Run(path, metric)


class Run:
    """An open run directory.

    Args:
        path: Run directory.
        metric: The function that the search was given as its metric.

    Raises:
        RunError: The path does not exist or is not a run directory.
        ConfigError: The run has another metric.

    Example:
        >>> run = automl.load_run("runs/flats")
        >>> run
        Run('runs/flats')
        >>> run.task, run.classes, run.stopped_by
        ('binary', ('no', 'yes'), 'trials')
    """

    def __init__(self, path: str | Path, metric: Any = None) -> None:
        from automl.config.reopened import given_metric_of
        from automl.run_reader import RunReader

        self._run = RunDir(Path(path)).check()
        self._metric = metric
        self._opened = RunReader(self._run, metric)
        if metric is not None:
            given_metric_of(self._run, self._opened.config, metric)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the absolute path of the run directory, without a given metric."""
        return load_run, (self.path.absolute(),)

    @property
    def path(self) -> Path:
        """Path of the run directory."""
        return self._run.path

    @property
    def stopped_by(self) -> str:
        """``time``, ``trials``, ``exhausted``, ``no more gains`` or ``interrupt``.

        It is "" if the search runs or was killed.
        """
        return str(read_json(self._run.manifest).get("stopped_by", ""))

    @property
    def task(self) -> str:
        """``binary``, ``multiclass``, ``regression`` or ``quantile``."""
        return str(self._opened.target.task.value)

    @property
    def classes(self) -> tuple[Label, ...]:
        """Class labels as in the data; empty for regression."""
        return self._opened.target.classes

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Predicted levels, ascending; empty unless the task is ``quantile``."""
        return self._opened.target.quantiles

    @python_call(_READING)
    def board(
        self, test: Any = None, *, sql: str | None = None, sheet: str | None = None
    ) -> Leaderboard:
        """Returns the leaderboard as an object.

        Args:
            test: Held-out table with the target, on which every complete trial and the ensemble
                are scored. Rows without a target are ignored; ``notes`` has their number, and the
                reason for each missing score.
            sql: Query, if ``test`` is the URL of a database.
            sheet: As for ``read``.

        Example:
            >>> [row.trial for row in run.board().rows]
            ['ensemble', 'linear-0']
        """
        from automl.leaderboard import read_board

        return read_board(
            self._run, None if test is None else self._opened.tested(test, sql, sheet)
        )

    @python_call(_READING)
    def leaderboard(
        self, test: Any = None, *, sql: str | None = None, sheet: str | None = None
    ) -> pd.DataFrame:
        """Returns the leaderboard as a data frame, best first.

        Args:
            test: As for ``board``; the notes are issued as warnings.
            sql: Query, if ``test`` is the URL of a database.
            sheet: As for ``read``.

        Example:
            >>> run.leaderboard()["trial"].tolist()
            ['ensemble', 'linear-0']
        """
        from automl.leaderboard import read_board

        tested = None if test is None else self._opened.tested(test, sql, sheet)
        for note in () if tested is None else tested.notes:
            warnings.warn(note, UserWarning, stacklevel=3)  # 2 is the decorator
        return read_board(self._run, tested).to_frame()

    def trial(self, trial: str) -> TrialDetails:
        """Returns one trial: its leaderboard row, folds and learning curves.

        Args:
            trial: Name of the trial, such as ``lightgbm-3``.

        Raises:
            RunError: There is no such trial; the message names the closest.

        Example:
            >>> run.trial("linear-0").row.state
            'complete'
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

        Unreadable values count as missing and are reported in one ``MisfitWarning``.

        Args:
            data: Path of a file or of a folder of images, URL of a database, or a pandas, polars
                or Arrow table, with the columns of the search's data. A dict of single values or
                a pandas Series is one row, a list of dicts several.
            sql: Query for a database; that of the search is never run again.
            sheet: Sheet of an Excel file, by name or number from 1; by default that of the
                search.
            keep: Columns of the data to return in ``kept``; they may be unknown to the run.
            strict: Whether unreadable values are an error; None takes the search's
                ``data.strict``.

        Returns:
            The columns that the run needs. ``row_names`` has the names of the rows if the data
            has any: file names of a folder, or ids of series in the order of their first steps.
            ``misfits`` has the unreadable values.

        Raises:
            MissingColumnError: Columns are missing; the message names all.
            DataError: The data cannot be read, values cannot be read and ``strict`` is set, or a
                query is missing.

        Example:
            >>> rows = run.read({"area": 95.0, "floor": 2})
            >>> run.predict(rows).tolist()
            ['yes']
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
        """Predicts labels (in their type in the data), values, or quantiles.

        Args:
            data: As for ``read``, or its return value.
            sql: As for ``read``.
            sheet: As for ``read``.
            strict: As for ``read``.

        Returns:
            For a pandas frame a Series with its index and the name of the target, for a polars
            frame a polars Series, for anything else an array ``(n_rows,)``. For a quantile task a
            frame with a column per level, such as ``q0.1``, or an array ``(n_rows, n_levels)`` in
            the order of ``quantiles``, each row ascending.

        Raises:
            MissingColumnError: Columns are missing; the message names all.

        Example:
            >>> run.predict([{"area": 55.0, "floor": 1}, {"area": 95.0, "floor": 2}]).tolist()
            ['no', 'yes']
        """
        import numpy as np

        from automl.data.output_types import as_column, as_columns

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

        The result has the index of a pandas frame; for a polars frame it is a polars frame.

        Args:
            data: As for ``read``, or its return value.
            sql: As for ``read``.
            sheet: As for ``read``.
            strict: As for ``read``.

        Raises:
            UserError: The run predicts numbers, not classes.
            MissingColumnError: Columns are missing; the message names all.

        Example:
            >>> list(run.predict_proba(flats).columns)
            ['no', 'yes']
        """
        from automl.data.output_types import as_columns
        from automl.errors import UserError

        if not self.classes:
            raise UserError(f"{self.path} predicts numbers, which have no probabilities")
        table = self._opened.features(data, sql, sheet, strict=strict)
        shares = self._opened.predictor.predict(table)
        frame: pd.DataFrame = as_columns(data, table, shares, self.classes, always=True)
        return frame

    @python_call()
    def refit(self, *, undo: bool = False) -> RefitResult:
        """Fits each member once on all rows, for faster predictions; see ``refit_run``.

        Args:
            undo: Whether to return to the models of the folds instead.

        Raises:
            RunError: There is no ensemble, or the run is in use.

        Example:
            >>> refitted = run.refit()
            >>> undone = run.refit(undo=True)
        """
        from automl.tuning.lifecycle.refit_run import refit_run

        done = refit_run(self._run, undo=undo, metric=self._metric)
        self._opened.__dict__.pop("predictor", None)  # it has the old models
        return done

    @python_call()
    def rerun(self, trial: str) -> RerunResult:
        """Runs one trial again from its record, without changing this run.

        Args:
            trial: Name of the trial, such as ``lightgbm-3``. If it fails, ``folds[-1].error`` has
                the traceback of the worker.

        Returns:
            Score and recorded score of each fold, and whether they are equal.

        Raises:
            RunError: There is no such trial; the message names the closest.
            PluginError: Its family is not installed.

        Example:
            >>> all(fold.is_equal for fold in run.rerun("linear-0").folds)
            True
        """
        from automl.tuning.lifecycle.rerun import rerun_trial

        return rerun_trial(self._run, trial, given=self._metric)

    @python_call()
    def trial_predictions(self, data: Any) -> Mapping[str, NDArray[np.float64]]:
        """Predicts a table with each complete trial separately.

        Returns:
            Probabilities ``(n_rows, n_classes)`` or values ``(n_rows,)`` by trial, without trials
            whose models were not kept.

        Example:
            >>> run.trial_predictions(flats)["linear-0"].shape
            (48, 2)
        """
        return self._opened.predict_singly(self._opened.features(data))

    @python_call(_READING)
    def test_scores(
        self, test: Any, *, sql: str | None = None, sheet: str | None = None
    ) -> Mapping[str, float | None]:
        """Scores every complete trial, and the ensemble under ``ensemble``, on a held-out table.

        Rows are weighted as in the search if the table has the weight column. Rows without a
        target are ignored. A score is None if the metric is undefined for the rows, such as ROC
        AUC of rows of one class; ``board`` has the reason.

        Example:
            >>> sorted(run.test_scores(flats))
            ['ensemble', 'linear-0']
        """
        from automl.data.columns.misfits import warn_of_misfits

        tested = self._opened.tested(test, sql, sheet)
        warn_of_misfits(tested.misfits)
        return tested.scores
