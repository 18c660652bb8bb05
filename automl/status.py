"""Shows a search that was started in Python: notes, and one status line."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from automl.errors import ConfigError
from automl.event_text import describe_event
from automl.events import Event, Note, Progress, SearchFinished, SearchStarted, TrialFinished
from automl.formatting import clean, format_elapsed, format_score

__all__ = ["StatusLine", "make_status"]

VERBOSITIES = (0, 1, 2)
REFRESH_S = 0.25
MOST_COLUMNS = 120


class StatusLine:
    """Writes notes to standard error, and keeps a status line below them up to date.

    The line is shown in terminals and notebooks; elsewhere, as in a log file, only notes are
    written. If writing fails, the search continues without output.

    Args:
        file: Output for notes.
        trials: Whether each finished trial gets a line.
        cell: Replaces the text in a notebook; None outside of one.
        clock: Returns seconds.
    """

    def __init__(
        self,
        file: TextIO,
        trials: bool = False,
        cell: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._trials, self._cell, self._clock = file, trials, cell, clock
        self._is_live = cell is not None or _is_terminal(file)
        self._start: SearchStarted | None = None
        self._n_shown = 0
        self._due = 0.0
        self._said: set[str] = set()
        self._is_gone = False
        self._draw("reading the data")

    def __call__(self, event: Event) -> None:
        """Handles an event."""
        match event:
            case SearchStarted():
                self._start = event
                self._draw("starting")
            case Note():
                self._say(describe_event(event))
            case Progress():
                if self._clock() >= self._due:
                    self._draw(self._standing(event))
            case TrialFinished():
                if self._trials:
                    self._say(f"{format_elapsed(event.elapsed_s)} {describe_event(event)}")
            case SearchFinished():
                for text in event.notes:
                    self._say(clean(text))
                self._draw(self._end(event))
                self.close()

    def close(self) -> None:
        """Leaves the status line unchanged, and the cursor below it."""
        if self._n_shown and self._cell is None:
            self._write("\n")
        self._n_shown = 0

    def _standing(self, event: Progress) -> str:
        start, n_over = self._start, sum(counts.over for counts in event.families.values())
        of_time = (
            f" of {format_elapsed(start.time_s)}" if start and start.time_s is not None else ""
        )
        of_trials = f" of {start.trials}" if start and start.trials is not None else ""
        words = [f"{format_elapsed(event.elapsed_s)}{of_time}", f"{n_over}{of_trials} trials"]
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
        words = [f"{n_trials} trials in {format_elapsed(event.elapsed_s)}"]
        if event.ensemble_score is not None and self._start is not None:
            words.append(f"{self._start.metric} {format_score(event.ensemble_score)}")
        return f"{', '.join(words)}: {event.run}"

    def _draw(self, text: str) -> None:
        """Replaces the text of the status line."""
        self._due = self._clock() + REFRESH_S
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
        """Writes a line above the status line; the same text only once."""
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
        except (OSError, ValueError):  # the stream is closed
            self._is_gone = True


def make_status(verbosity: int) -> StatusLine | None:
    """The status line of a search that was started in Python; None for no output.

    Args:
        verbosity: 0 for nothing, 1 for notes and a status line, 2 for each trial as well.

    Raises:
        ConfigError: It is another number.
    """
    if verbosity not in VERBOSITIES:
        raise ConfigError(
            f"verbosity={verbosity!r}: expected 0 (nothing), 1 (notes and a status line) "
            "or 2 (each trial as well)"
        )
    if verbosity == 0 or sys.stderr is None:
        return None
    return StatusLine(sys.stderr, verbosity > 1, _notebook_cell())


def _is_terminal(file: TextIO) -> bool:
    with suppress(OSError, ValueError, AttributeError):
        return file.isatty()
    return False


def _notebook_cell() -> Callable[[str], None] | None:
    """Returns a function that replaces a text below a notebook cell; None outside of a notebook."""
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
