"""What people who search in Python see: notes, and one line that says how the search stands."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from automl.errors import ConfigError
from automl.events import (
    Event,
    Note,
    Progress,
    SearchFinished,
    SearchStarted,
    TrialFinished,
)
from automl.leaderboard import clean, format_score
from automl.words import clock, describe_event

__all__ = ["StatusLine", "make_status"]

VERBOSITIES = (0, 1, 2)
REFRESH_S = 0.25
MOST_COLUMNS = 120


class StatusLine:
    """Writes notes to standard error, and keeps a line below them up to date.

    The line is there in a terminal and in a notebook. Elsewhere, as in a log file, notes alone are
    written. What cannot be written is not: a search does not end because nobody looks at it.

    Args:
        file: Where notes go.
        trials: Whether each trial gets a line when it is over.
        cell: Shows a text in a notebook, in place of the one before; None where there is none.
    """

    def __init__(
        self, file: TextIO, trials: bool = False, cell: Callable[[str], None] | None = None
    ) -> None:
        self._file, self._trials, self._cell = file, trials, cell
        self._is_live = cell is not None or _is_terminal(file)
        self._start: SearchStarted | None = None
        self._n_shown = 0
        self._due = 0.0
        self._said: set[str] = set()
        self._is_gone = False
        self._draw("reading the data")

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        match event:
            case SearchStarted():
                self._start = event
                self._draw("starting")
            case Note():
                self._say(describe_event(event))
            case Progress():
                if time.monotonic() >= self._due:
                    self._draw(self._standing(event))
            case TrialFinished():
                if self._trials:
                    self._say(f"{clock(event.elapsed_s)} {describe_event(event)}")
            case SearchFinished():
                for text in event.notes:
                    self._say(clean(text))
                self._draw(self._end(event))
                self.close()

    def close(self) -> None:
        """Leaves the line as it is, and the cursor below it."""
        if self._n_shown and self._cell is None:
            self._write("\n")
        self._n_shown = 0

    def _standing(self, event: Progress) -> str:
        start, n_over = self._start, sum(counts.over for counts in event.families.values())
        of_time = f" of {clock(start.time_s)}" if start and start.time_s is not None else ""
        of_trials = f" of {start.trials}" if start and start.trials is not None else ""
        words = [f"{clock(event.elapsed_s)}{of_time}", f"{n_over}{of_trials} trials"]
        if event.stage != "searching":
            words.append(event.stage)
        metric = f"{start.metric} " if start else ""
        if event.best_trial is not None:
            words.append(f"best {metric}{format_score(event.best_score)} {event.best_trial}")
        if event.ensemble_score is not None:
            words.append(f"ensemble {format_score(event.ensemble_score)}")
        return ", ".join(words)

    def _end(self, event: SearchFinished) -> str:
        counts = (event.n_complete, event.n_pruned, event.n_failed)
        n_trials = sum(counts) + event.n_out_of_time + event.n_interrupted
        words = [f"{n_trials} trials in {clock(event.elapsed_s)}"]
        if event.ensemble_score is not None and self._start is not None:
            words.append(f"{self._start.metric} {format_score(event.ensemble_score)}")
        return f"{', '.join(words)}: {event.run}"

    def _draw(self, text: str) -> None:
        """Puts a text in the place of the line."""
        self._due = time.monotonic() + REFRESH_S
        if not self._is_live:
            return
        text = f"automl: {clean(text)}"
        if self._cell is not None:
            self._cell(text)
            self._n_shown = len(text)
            return
        width = min(MOST_COLUMNS, shutil.get_terminal_size().columns) - 1
        text = text[:width]
        self._write(f"\r{text}{' ' * (self._n_shown - len(text))}")
        self._n_shown = len(text)

    def _say(self, text: str) -> None:
        """Writes a line above the one that is kept up to date; none twice."""
        if text in self._said:
            return
        self._said.add(text)
        wipe = f"\r{' ' * self._n_shown}\r" if self._n_shown and self._cell is None else ""
        if self._cell is None:
            self._n_shown = 0
        self._write(f"{wipe}automl: {text}\n")

    def _write(self, text: str) -> None:
        if self._is_gone:
            return
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        try:
            self._file.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._file.flush()
        except (OSError, ValueError):  # closed, or nobody reads it
            self._is_gone = True


def make_status(verbosity: int) -> StatusLine | None:
    """What shows a search that was called in Python; None for nothing.

    Args:
        verbosity: 0 for nothing, 1 for notes and a line, 2 for a line of each trial as well.

    Raises:
        ConfigError: It is another number.
    """
    if verbosity not in VERBOSITIES:
        raise ConfigError(
            f"verbosity={verbosity!r}: expected 0 (nothing), 1 (notes and one line that says how "
            "the search stands) or 2 (each trial as well)"
        )
    if verbosity == 0 or sys.stderr is None:
        return None
    return StatusLine(sys.stderr, verbosity > 1, _notebook_cell())


def _is_terminal(file: TextIO) -> bool:
    with suppress(OSError, ValueError, AttributeError):
        return file.isatty()
    return False


def _notebook_cell() -> Callable[[str], None] | None:
    """Shows texts one in place of the other below a cell of a notebook; None outside of one."""
    python: Any = sys.modules.get("IPython")
    shell = None if python is None else python.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from importlib import import_module

    handle: Any = None

    def show(text: str) -> None:
        nonlocal handle
        content = {"text/plain": text}
        if handle is None:
            display = import_module("IPython.display").display
            handle = display(content, raw=True, display_id=True)
        else:
            handle.update(content, raw=True)

    return show
