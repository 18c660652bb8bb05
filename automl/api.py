"""``search``, ``resume`` and ``load_run``: what the command line calls and what people import."""

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
    """Searches model families for a table, and leaves a run directory.

    The first Ctrl-C finishes with what there is; the second stops at once.

    Args:
        data: Path of a file or of a folder of images, URL of a database, or a pandas, polars or
            Arrow table. With values as ``target`` it holds the features alone, and may be a 2-D
            array.
        target: Column to predict; None takes the one called target, label, class or y, else
            the last. Or the values themselves, as in ``search(X, y)``: a Series, an array or a
            list, ``n_rows``. They keep the name of the Series, else they are called ``target``.
        task: ``binary``, ``multiclass``, ``regression`` or ``quantile``; None goes by the values.
        quantiles: Levels to predict, which makes it a quantile task; None takes 0.1, 0.5, 0.9.
        metric: Name in the catalog, ``module:function``, a function ``(y_true, y_pred)``, what
            ``sklearn.metrics.make_scorer`` returns, or an ``automl.plugin.Metric``; None takes the
            default of the task. ``y_true`` holds class numbers (in the order of ``Run.classes``)
            or values, ``y_pred`` the same, or probabilities where the function has an attribute
            ``needs = "probabilities"``. Greater is better unless it has an attribute
            ``greater_is_better = False``. A run keeps the name of a function alone: ``resume``
            and ``load_run`` take it again.
        time_s: Wall-clock budget in seconds; None is ten minutes, or no limit with ``trials``.
        trials: Number of trials; None for no limit.
        seed: Of everything that is drawn; None takes that of the configuration, which is 0.
        out: The run directory; None makes one under ``runs``.
        resume: Whether to go on with a search in ``out`` that was stopped or killed, if there is
            one. Budgets are totals and may have grown; data, metric, folds, seed and search
            spaces must be the same.
        group: Column whose values are never on both sides of a split.
        time_column: Column that orders rows in time.
        gap: Left out between training and validation rows: ``"7d"``, a timedelta, or 5 times.
        folds_column: Column with the number of each row's fold.
        weight: Column with the weight of each row.
        series_id: Column that says which series a row is a step of; the target is one a series.
        step: Column that orders the steps of a series; None takes the order of the rows.
        wide: Prefixes of columns that are steps, one a channel: ``["t"]`` for ``t0, t1, ...``.
        preset: ``fast``, ``balanced`` or ``best``.
        overrides: Further settings as on the command line, ``key=value``.
        settings: Further settings by dotted key, as Python values.
        on_event: Called with every event of ``automl.events``. If it raises, the search
            finishes with what there is, and the error goes on to the caller.
        verbosity: What is written to standard error: 0 for nothing, 1 for notes on the data and,
            in a terminal or a notebook, a line that says how the search stands, 2 for a line of
            each trial as well.
        started: ``time.monotonic()`` when the budget began to run; now by default.

    Returns:
        The run, ready to predict.

    Raises:
        UserError: The data, a setting or a plugin does not fit, or the run is in use.
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk is full, read-only or closed to us; `resume` goes on later.
        KeyboardInterrupt: Ctrl-C was pressed twice.
    """
    arguments = dict(locals())
    from automl.config.fields import ARGUMENTS
    from automl.data.read.joined import is_values, join_target
    from automl.metrics import CATALOG, GivenMetric, given_metric
    from automl.redact import shown

    if is_values(target):
        data, target = join_target(data, target)
    given = None if metric is None else given_metric(metric, frozenset(CATALOG))
    where = {"data_path": shown(str(data))} if isinstance(data, str | Path) else {}
    options = {key: arguments[name] for key, name in ARGUMENTS.items()} | {
        "target": None if target is None else str(target),
        "metric": given.setting if isinstance(given, GivenMetric) else given,
    }
    with start_session(started, on_event, verbosity) as session:
        from automl.config import compose_with_plugins
        from automl.errors import ConfigError

        if resume and out is None:
            raise ConfigError("resume needs out: the run directory to go on with")
        own = given if isinstance(given, GivenMetric) else None
        with_data = {**where, **(settings or {})}
        composed, registry = compose_with_plugins(overrides, options, with_data, own)
        config = composed.config
        run = RunDir(new_run_path(config.data_path) if out is None else Path(out))
        if resume and run.manifest.exists():
            session.go_on(run, config, registry, data)
        else:
            session.begin(run, config, registry, data)
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
    """Goes on with a search that was stopped or killed, or that is over and gets more budget.

    The data, the folds and all settings are those of the run. Finished trials are not run again;
    those that were under way are continued. Where the budget is used up and nothing is under
    way, the run stays as it is.

    Args:
        path: The run directory.
        time_s: Wall-clock budget in seconds, what was used included; None keeps that of the run.
        trials: Number of trials, those that were proposed included; None keeps that of the run.
        metric: The metric of the run, where the search was given a function; else None.
        on_event: Called with every event of ``automl.events``; see ``search``.
        verbosity: What is written to standard error; see ``search``.
        started: ``time.monotonic()`` at which this part of the search began; now by default.

    Returns:
        The run, ready to predict.

    Raises:
        UserError: There is no run, it is in use or damaged, a family of it has changed, or its
            metric is a function and is not given.
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk is full, read-only or closed to us; `resume` goes on later.
        KeyboardInterrupt: Ctrl-C was pressed twice.
    """
    run = RunDir(Path(path)).check()
    with start_session(started, on_event, verbosity) as session:
        from automl.config import load_config
        from automl.config.reopened import registry_of
        from automl.config.validate import with_values

        config = with_values(load_config(run.config), {"time_s": time_s, "trials": trials})
        registry = registry_of(run, config, metric, config.family)
        session.go_on(run, config, registry, None)
    return load_run(run.path, metric)
