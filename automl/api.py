"""``search`` and ``load_run``: what the command line calls and what people import."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from automl.run import Run, load_run

if TYPE_CHECKING:
    from automl.config.schema import SearchConfig
    from automl.search.controller import Controller
    from automl.search.events import Event

__all__ = ["Run", "load_run", "search"]

RUNS = Path("runs")


def search(
    data: Any,
    target: str | None = None,
    *,
    task: str | None = None,
    metric: str | None = None,
    time_s: float | None = None,
    trials: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    group: str | None = None,
    time_column: str | None = None,
    folds_column: str | None = None,
    weight: str | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    on_event: Callable[[Event], None] | None = None,
    started: float | None = None,
) -> Run:
    """Searches model families for a table, and leaves a run directory.

    The first Ctrl-C finishes with what there is; the second stops at once.

    Args:
        data: Path of a file, URL of a database, or a pandas, polars or Arrow table.
        target: Column to predict; None takes the one called target, label, class or y, else
            the last.
        task: ``binary``, ``multiclass`` or ``regression``; None goes by the values.
        metric: Name in the catalog, or ``module:function``; None takes the default of the task.
        time_s: Wall-clock budget in seconds; None is ten minutes, or no limit with ``trials``.
        trials: Number of trials; None for no limit.
        seed: Of everything that is drawn; None takes that of the configuration, which is 0.
        out: The run directory; None makes one under ``runs``.
        group: Column whose values are never on both sides of a split.
        time_column: Column that orders rows in time.
        folds_column: Column with the number of each row's fold.
        weight: Column with the weight of each row.
        preset: ``fast``, ``balanced`` or ``best``.
        overrides: Further settings as on the command line, ``key=value``.
        settings: Further settings by dotted key, as Python values.
        on_event: Called with every event of ``automl.search.events``.
        started: ``time.monotonic()`` at which the budget began to run; now by default.

    Returns:
        The run, ready to predict.

    Raises:
        UserError: The data, a setting or a plugin does not fit.
        NoPredictorError: No trial gave a usable model.
        KeyboardInterrupt: Ctrl-C was pressed twice.
    """
    from automl.data.sql import without_password

    started = time.monotonic() if started is None else started
    options = {
        "data_path": without_password(str(data)) if isinstance(data, str | Path) else None,
        "target": target,
        "task": task,
        "metric": metric,
        "time_s": time_s,
        "trials": trials,
        "seed": seed,
        "group": group,
        "time_column": time_column,
        "folds_column": folds_column,
        "weight": weight,
        "preset": preset,
    }
    from automl.config import compose_config, plugin_settings
    from automl.registry import load_registry
    from automl.scheduling.launch import start_launcher

    launcher = start_launcher()  # first of all: it imports while the table is read
    try:
        plugins = plugin_settings(overrides, settings)
        registry = load_registry(plugins.modules, plugins.block)
        config = compose_config(overrides, options, registry, settings).config
        path = Path(out) if out is not None else _new_path(config)
        with _interrupts() as interrupts:
            from automl.search.budget import Budget
            from automl.search.prepare import prepare_search
            from automl.store.run_dir import RunDir

            budget = Budget(
                started,
                config.time_s,
                config.trials,
                config.search.reserve_share,
                config.scheduler.fit_timeout_s,
            )
            prepared = prepare_search(
                data, config, registry, RunDir(path), launcher, budget, interrupts.asked
            )
            events = _all_events(prepared.controller, prepared.news)
            _watch(RunDir(path), events, on_event)
    finally:
        launcher.close()
    return load_run(path)


def _all_events(controller: Controller, first: Sequence[Event]) -> Iterator[Event]:
    from automl.search.finish import finish_run, require_predictor

    yield from first
    yield from controller.events()
    end = finish_run(controller)
    yield end
    require_predictor(end)


def _watch(run: Any, events: Iterator[Event], on_event: Callable[[Event], None] | None) -> None:
    """Runs the search to its end; logs every event but the ticks, and passes all of them on."""
    from automl.search.events import Progress
    from automl.store.log import append_log

    for event in events:
        if not isinstance(event, Progress):
            append_log(run, type(event).__name__, asdict(event))
        if on_event is not None:
            on_event(event)


def _new_path(config: SearchConfig) -> Path:
    stem = Path(config.data_path).name.split(".")[0] if config.data_path else ""
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)[:40] or "search"
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path, count = RUNS / f"{now}-{safe}", 1
    while path.exists():
        count += 1
        path = RUNS / f"{now}-{safe}-{count}"
    return path


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
