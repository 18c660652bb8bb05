"""Starts and resumes searches: the Python API, which the command line calls too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.run import Run, load_run
from automl.store.run_dir import RunDir, new_run_path
from automl.tuning.lifecycle.session import start_session

if TYPE_CHECKING:
    from automl.events import Event
    from automl.plugin import Metric

__all__ = ["Run", "load_run", "resume", "search"]


def search(
    data: Any,
    target: Any = None,
    *,
    task: str | None = None,
    quantiles: Sequence[float] | None = None,
    metric: str | Callable[..., float] | Metric | None = None,
    time_s: float | None = None,
    trials: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    group: str | None = None,
    time_column: str | None = None,
    gap: str | int | timedelta | None = None,
    folds_column: str | None = None,
    weight: str | None = None,
    series_id: str | None = None,
    step: str | None = None,
    wide: Sequence[str] | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    on_event: Callable[[Event], None] | None = None,
    verbosity: int = 1,
    started: float | None = None,
) -> Run:
    """Searches model families for a table and writes a run directory.

    The first Ctrl-C ends the search and keeps the results so far; the second stops at once.

    Args:
        data: Path of a file or of a folder of images, URL of a database, or a pandas, polars or
            Arrow table. If ``target`` holds values, ``data`` holds the features alone and may be
            a 2-D array.
        target: Column to predict; None takes a column named target, label, class or y, else the
            last. Or the values, as in ``search(X, y)``: a Series, array or list of ``n_rows``
            values, named after the Series or ``target``.
        task: ``binary``, ``multiclass``, ``regression`` or ``quantile``; None infers it from the
            values.
        quantiles: Levels to predict, which implies a quantile task; None takes 0.1, 0.5, 0.9.
        metric: Name in the catalog, ``module:function``, a function ``(y_true, y_pred)``, a scorer
            of ``sklearn.metrics.make_scorer``, or an ``automl.plugin.Metric``; None takes the
            default of the task. ``y_true`` holds class numbers (in the order of ``Run.classes``)
            or values; ``y_pred`` the same, or probabilities if the function has the attribute
            ``needs = "probabilities"``. Greater is better unless it has the attribute
            ``greater_is_better = False``. The run stores only the name of a function: pass the
            function again to ``resume`` and ``load_run``.
        time_s: Wall-clock budget in seconds; None is ten minutes, or no limit with ``trials``.
        trials: Number of trials; None for no limit.
        seed: Seed of all random choices; None takes the configuration's, which is 0.
        out: Run directory; None creates one under ``runs``.
        resume: Whether to continue the search in ``out`` if there is one. Budgets are totals and
            may be larger than before; data, metric, folds, seed and search spaces must be equal.
        group: Column of groups; rows of one group are never on both sides of a split.
        time_column: Column that orders rows in time.
        gap: Gap between training and validation rows: ``"7d"``, a timedelta, or a number of
            distinct times.
        folds_column: Column with the fold number of each row.
        weight: Column with the weight of each row.
        series_id: Column with the series that a row is a step of; there is one target per series.
        step: Column that orders the steps of a series; None keeps the order of the rows.
        wide: Prefixes of columns that hold steps, one per channel: ``["t"]`` for ``t0, t1, ...``.
        preset: ``fast``, ``balanced`` or ``best``.
        overrides: Other settings as ``key=value`` strings, as on the command line.
        settings: Other settings as Python values by dotted key.
        on_event: Called with every event of ``automl.events``. If it raises, the search ends,
            keeps the results so far, and raises the error.
        verbosity: Output on standard error: 0 none; 1 notes on the data and, in a terminal or a
            notebook, a progress line; 2 also a line per trial.
        started: ``time.monotonic()`` at the start of the budget; by default now.

    Returns:
        The run, ready to predict.

    Raises:
        UserError: The data, a setting or a plugin is invalid, or the run is in use.
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk cannot be written; ``resume`` continues later.
        KeyboardInterrupt: Ctrl-C was pressed twice.

    Example:
        >>> import automl
        >>> quick = ["family=[linear]", "scheduler=inline"]
        >>> run = automl.search(flats, "sold", trials=1, overrides=quick, verbosity=0)
        >>> run.predict(flats.head(2)).tolist()
        ['no', 'no']
    """
    arguments = dict(locals())
    with start_session(started, on_event, verbosity) as session:  # before libraries are imported
        from automl.config.compose import compose_with_plugins
        from automl.config.fields import ARGUMENTS
        from automl.data.read.x_and_y import is_values, join_target
        from automl.errors import ConfigError
        from automl.metrics import CATALOG, GivenMetric, given_metric
        from automl.redact import shown

        if resume and out is None:
            raise ConfigError("resume needs out: the run directory to continue")
        if is_values(target):
            data, target = join_target(data, target)
        given = None if metric is None else given_metric(metric, frozenset(CATALOG))
        where = {"data_path": shown(str(data))} if isinstance(data, str | Path) else {}
        options = {key: arguments[name] for key, name in ARGUMENTS.items()} | {
            "target": None if target is None else str(target),
            "metric": given.setting if isinstance(given, GivenMetric) else given,
        }
        own = given if isinstance(given, GivenMetric) else None
        with_data = {**where, **(settings or {})}
        composed, registry = compose_with_plugins(overrides, options, with_data, own)
        config = composed.config
        run = RunDir(new_run_path(config.data_path) if out is None else Path(out))
        is_new = not (resume and run.manifest.exists())
        session.search(run, config, registry, data, is_new=is_new)
    return load_run(run.path, own)


def resume(
    path: str | Path,
    *,
    time_s: float | None = None,
    trials: int | None = None,
    metric: str | Callable[..., float] | Metric | None = None,
    on_event: Callable[[Event], None] | None = None,
    verbosity: int = 1,
    started: float | None = None,
) -> Run:
    """Continues a search that was stopped or killed, or a finished one with a larger budget.

    Data, folds and all other settings are those of the run. Finished trials are not repeated;
    unfinished ones are continued. If the budget is spent and no trial is unfinished, the run
    stays as it is.

    Args:
        path: Run directory.
        time_s: Total wall-clock budget in seconds, including time used; None keeps the run's.
        trials: Total number of trials, including those proposed; None keeps the run's.
        metric: The function that the search was given as its metric; else None.
        on_event: Called with every event of ``automl.events``; see ``search``.
        verbosity: Output on standard error; see ``search``.
        started: ``time.monotonic()`` at the start of this part of the search; by default now.

    Returns:
        The run, ready to predict.

    Raises:
        UserError: There is no run, it is in use or damaged, one of its families has changed, or
            its metric is a function and was not passed.
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk cannot be written; ``resume`` continues later.
        KeyboardInterrupt: Ctrl-C was pressed twice.

    Example:
        >>> automl.resume("runs/flats", verbosity=0)  # its budget of 1 trial is spent
        Run('runs/flats')
    """
    run = RunDir(Path(path)).check()
    with start_session(started, on_event, verbosity) as session:
        from automl.config.reopened import registry_of
        from automl.config.saved import load_config
        from automl.config.validate import with_values

        config = with_values(load_config(run.config), {"time_s": time_s, "trials": trials})
        registry = registry_of(run, config, metric, config.family)
        session.search(run, config, registry, None, is_new=False)
    return load_run(run.path, metric)
