"""``search``, ``resume`` and ``load_run``: what the command line calls and what people import."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from automl.errors import StorageError
from automl.run import Run, load_run
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir, new_run_path

if TYPE_CHECKING:
    from automl.config.schema import SearchConfig
    from automl.registry import Registry
    from automl.scheduling.launch import Launcher
    from automl.search.events import Event

__all__ = ["Run", "load_run", "resume", "search"]


def search(
    data: Any,
    target: str | None = None,
    *,
    task: str | None = None,
    quantiles: Sequence[float] | None = None,
    metric: str | None = None,
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
    started: float | None = None,
) -> Run:
    """Searches model families for a table, and leaves a run directory.

    The first Ctrl-C finishes with what there is; the second stops at once.

    Args:
        data: Path of a file or of a folder of images, URL of a database, or a pandas, polars or
            Arrow table.
        target: Column to predict; None takes the one called target, label, class or y, else
            the last.
        task: ``binary``, ``multiclass``, ``regression`` or ``quantile``; None goes by the values.
        quantiles: Levels to predict, which makes it a quantile task; None takes 0.1, 0.5, 0.9.
        metric: Name in the catalog, or ``module:function``; None takes the default of the task.
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
        on_event: Called with every event of ``automl.search.events``.
        started: ``time.monotonic()`` when the budget began to run; now by default.

    Returns:
        The run, ready to predict.

    Raises:
        UserError: The data, a setting or a plugin does not fit, or the run is in use.
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk is full, read-only or closed to us; `resume` goes on later.
        KeyboardInterrupt: Ctrl-C was pressed twice.
    """
    from automl.redact import shown

    options = {
        "data_path": shown(str(data)) if isinstance(data, str | Path) else None,
        "target": None if target is None else str(target),
        "task": task,
        "quantiles": None if quantiles is None else list(map(float, quantiles)),
        "metric": metric,
        "time_s": time_s,
        "trials": trials,
        "seed": seed,
        "group": group,
        "time_column": time_column,
        "folds_column": folds_column,
        "weight": weight,
        "series_id": series_id,
        "step": step,
        "wide": None if wide is None else list(wide),
        "preset": preset,
        "search.gap": gap,
    }
    with _session(started, on_event) as session:
        from automl.config import compose_config, plugin_settings
        from automl.errors import ConfigError
        from automl.registry import load_registry

        if resume and out is None:
            raise ConfigError("resume needs out: the run directory to go on with")
        plugins = plugin_settings(overrides, settings)
        registry = load_registry(plugins.modules, plugins.block)
        config = compose_config(overrides, options, registry, settings).config
        run = RunDir(new_run_path(config.data_path) if out is None else Path(out))
        if resume and run.manifest.exists():
            session.go_on(run, config, registry, data)
        else:
            session.begin(run, config, registry, data)
    return load_run(run.path)


def resume(
    path: str | Path,
    *,
    time_s: float | None = None,
    trials: int | None = None,
    on_event: Callable[[Event], None] | None = None,
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
        on_event: Called with every event of ``automl.search.events``.
        started: ``time.monotonic()`` at which this part of the search began; now by default.

    Returns:
        The run, ready to predict.

    Raises:
        UserError: There is no run, it is in use or damaged, or a family of it has changed.
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk is full, read-only or closed to us; `resume` goes on later.
        KeyboardInterrupt: Ctrl-C was pressed twice.
    """
    run = RunDir(Path(path)).check()
    with _session(started, on_event) as session:
        from automl.config import load_config
        from automl.registry import load_registry

        config = load_config(run.config)
        config.time_s = config.time_s if time_s is None else time_s
        config.trials = config.trials if trials is None else trials
        registry = load_registry(config.plugins.modules, config.plugins.block)
        session.go_on(run, config, registry, None)
    return load_run(run.path)


@dataclass(slots=True)
class _Session:
    """One search, new or resumed, while this process is at it."""

    launcher: Launcher
    started: float
    on_event: Callable[[Event], None] | None
    run: RunDir | None = None
    lock: RunLock | None = None

    def end(self) -> None:
        """Ends what was started, and lets others search in the run."""
        self.launcher.close()
        if self.lock is not None:
            self.lock.release()

    def begin(self, run: RunDir, config: SearchConfig, registry: Registry, data: Any) -> None:
        from automl.search.conduct import conduct
        from automl.search.prepare import prepare_search

        self.run, self.lock = run, (lock := RunLock(run))
        with _interrupts() as interrupts:
            prepared = prepare_search(
                data, config, registry, run, self.launcher, self.started, interrupts.asked, lock
            )
            _watch(run, conduct(prepared), self.on_event)

    def go_on(self, run: RunDir, config: SearchConfig, registry: Registry, data: Any) -> None:
        from automl.search.conduct import conduct
        from automl.search.over import Over
        from automl.search.prepare import prepare_resumed

        self.run, self.lock = run, RunLock(run)
        self.lock.acquire()
        with _interrupts() as interrupts:
            prepared = prepare_resumed(
                data, config, registry, run, self.launcher, self.started, interrupts.asked
            )
            if isinstance(prepared, Over):
                _watch(run, prepared.events(), self.on_event, ends=False)
            else:
                _watch(run, conduct(prepared), self.on_event)


@contextmanager
def _session(started: float | None, on_event: Callable[[Event], None] | None) -> Iterator[_Session]:
    started = time.monotonic() if started is None else started
    from automl.scheduling.launch import start_launcher
    from automl.search.quiet import optuna_as_it_was

    launcher = start_launcher()  # first of all: it imports while the table is read
    session = _Session(launcher, started, on_event)
    try:
        try:
            with optuna_as_it_was():
                yield session
        finally:
            session.end()
    except StorageError as error:
        from automl.search.finish import with_the_way_on

        raise with_the_way_on(error, session.run) from error


def _watch(
    run: RunDir,
    events: Iterator[Event],
    on_event: Callable[[Event], None] | None,
    ends: bool = True,
) -> None:
    """Runs the search to its end; logs events but ticks, and passes all of them on.

    Where nothing was begun, no end is logged.
    """
    from automl.search.events import Progress, SearchFinished
    from automl.store.log import append_log

    for event in events:
        if not isinstance(event, Progress) and (ends or not isinstance(event, SearchFinished)):
            append_log(run, type(event).__name__, asdict(event))
        if on_event is not None:
            on_event(event)


@dataclass(slots=True)
class _Interrupts:
    """Counts Ctrl-C."""

    count: int = 0

    def asked(self) -> bool:
        return self.count > 0

    def handle(self, signum: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt


@contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    """Counts SIGINT and SIGTERM in place of their usual effect, where this is the main thread."""
    interrupts = _Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {s: signal.signal(s, interrupts.handle) for s in signals}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
