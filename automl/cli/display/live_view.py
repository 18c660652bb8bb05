"""Shows a search as a live table in a terminal."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from automl.cli.display.console import make_table
from automl.cli.display.watcher import Watcher
from automl.event_text import describe_event, describe_start
from automl.events import EnsembleUpdated, Event, Note, Progress, SearchStarted, TrialFinished
from automl.formatting import clean, format_elapsed, format_score

__all__ = ["LiveView"]

_REFRESH_PER_S = 4
_MAX_BAR = 48
_N_RECENT = 5
_FIXED_LINES = 9
"""Lines other than those of families and recent events."""
_COUNTS = (
    ("done", "complete", ""),
    ("running", "running", "cyan"),
    ("pruned", "pruned", ""),
    ("cut", "cut", ""),
    ("failed", "failed", "red"),
)
"""Titles of the columns, the counts they show, and their style."""


class LiveView(Watcher):
    """Draws the progress of a search. Header and notes remain when the search ends.

    Args:
        console: A terminal.
        data: DATA as given on the command line.
    """

    def __init__(self, console: Console, data: str) -> None:
        super().__init__()
        self._console, self._data = console, data
        self._start: SearchStarted | None = None
        self._progress: Progress | None = None
        self._progress_at = 0.0
        self._recent: tuple[tuple[float, str, str], ...] = ()
        self._early_notes: list[Note] = []
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            console=console,
            get_renderable=self.picture,
            refresh_per_second=_REFRESH_PER_S,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._flush_notes()
            self._live.stop()
        except OSError as output_error:
            self.output_error = output_error

    def show(self, event: Event) -> None:
        """Records an event; a thread redraws the view several times per second."""
        match event:
            case SearchStarted():
                self._start = event
                self._console.print(_head(event, self._data))
                self._flush_notes()
            case Note():
                self._early_notes.append(event)
                if self._start is not None:
                    self._flush_notes()
            case Progress():
                self._progress, self._progress_at = event, time.monotonic()
            case TrialFinished():
                style = {"failed": "red", "complete": ""}.get(event.state, "dim")
                self._remember(event.elapsed_s, describe_event(event), style)
            case EnsembleUpdated():
                self._remember(event.elapsed_s, describe_event(event), "green")

    def picture(self) -> RenderableType:
        """Returns the current view."""
        start, progress = self._start, self._progress
        if start is None or progress is None:
            reading = f"reading {clean(self._data)} and loading libraries"
            self._spinner.update(text=Text(reading if start is None else "starting workers"))
            return self._spinner
        # A thread draws while events arrive, so values are replaced, never modified.
        return Group(
            Text(),
            _time_line(start, progress, time.monotonic() - self._progress_at, self._console.width),
            Text(),
            _families_table(start, progress),
            _best_line(start, progress),
            Text(),
            *(_recent_line(*item) for item in self._recent[-self._n_recent(progress) :]),
        )

    def _n_recent(self, progress: Progress) -> int:
        n_begun = sum(1 for c in progress.families.values() if c.over + c.running)
        n_lines = n_begun + (n_begun < len(progress.families))
        room = self._console.height - _FIXED_LINES - n_lines
        return max(1, min(_N_RECENT, room))

    def _remember(self, elapsed_s: float, text: str, style: str) -> None:
        self._recent = (*self._recent, (elapsed_s, text, style))[-_N_RECENT:]

    def _flush_notes(self) -> None:
        notes, self._early_notes = self._early_notes, []
        for note in notes:
            line = Table.grid(padding=(0, 1))
            line.add_column(width=9, style="yellow")
            line.add_row("note", Text(describe_event(note)))
            self._console.print(line)


def _head(start: SearchStarted, data: str) -> Table:
    """Returns the header: data, target, metric and budget."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=9, style="dim")
    table.add_column()
    for name, value in describe_start(start, data):
        style = "bold" if name == "target" else "" if name else "dim"
        table.add_row(name, Text(value, style=style))
    return table


def _time_line(
    start: SearchStarted, progress: Progress, since_s: float, width: int
) -> RenderableType:
    """Returns progress bar and clock, which advance between events."""
    elapsed_s = progress.elapsed_s + since_s
    n_over = sum(counts.over for counts in progress.families.values())
    shares, words = [], [format_elapsed(elapsed_s)]
    if start.time_s is not None and progress.time_left_s is not None:
        left_s = max(0.0, progress.time_left_s - since_s)
        shares.append(1.0 - left_s / start.time_s if start.time_s > 0 else 1.0)
        words = [f"{format_elapsed(left_s + 0.999)} left of {format_elapsed(start.time_s)}"]
    if start.trials is not None:
        shares.append(n_over / start.trials)
        words.append(f"{n_over} of {start.trials} trials")
    line = Table.grid(padding=(0, 2))
    done = min(1.0, max(shares, default=0.0))
    bar = ProgressBar(
        total=1.0, completed=done, width=min(_MAX_BAR, width // 2), complete_style="cyan"
    )
    stage = "" if progress.stage == "searching" else clean(progress.stage)
    line.add_row(bar, Text(" · ".join(words)), Text(stage, style="dim"))
    return line


def _families_table(start: SearchStarted, progress: Progress) -> Table:
    any_cut = any(counts.cut for counts in progress.families.values())
    shown = [item for item in _COUNTS if item[0] != "cut" or any_cut]
    table = make_table()
    table.add_column("family", no_wrap=True, min_width=10)
    for title, _, _ in shown:
        table.add_column(title, justify="right", min_width=7)
    table.add_column(clean(start.metric), justify="right", min_width=9, no_wrap=True)
    best = (progress.best_trial or "").rpartition("-")[0]
    begun = {name: c for name, c in progress.families.items() if c.over + c.running}
    for family, counts in begun.items():
        numbers = (_number(getattr(counts, name), style) for _, name, style in shown)
        score = Text(format_score(counts.best_score))
        table.add_row(Text(family), *numbers, score, style="bold" if family == best else "")
    n_waiting = len(progress.families) - len(begun)
    if n_waiting:
        table.add_row(Text(f"{n_waiting} to come", style="dim"))
    return table


def _number(n: int, style: str) -> Text:
    return Text(str(n), style=style) if n else Text("·", style="dim")


def _best_line(start: SearchStarted, progress: Progress) -> Text:
    line = Text()
    if progress.best_trial is not None:
        line.append("best ", style="dim").append(format_score(progress.best_score), style="bold")
        line.append(f" {progress.best_trial}")
    if progress.ensemble_score is not None:
        line.append("   ensemble ", style="dim")
        line.append(format_score(progress.ensemble_score), style="bold green")
    return line if line else Text("no model yet", style="dim")


def _recent_line(elapsed_s: float, text: str, style: str) -> Text:
    line = Text(f"{format_elapsed(elapsed_s):>7}  ", style="dim", no_wrap=True, overflow="ellipsis")
    return line.append(text, style=style or "default")
