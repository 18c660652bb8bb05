"""Shows a search as plain lines, for files, pipes and ``-v``."""

from __future__ import annotations

from typing import TextIO

from automl.cli.display.watcher import Watcher
from automl.event_text import describe_event, describe_start
from automl.events import (
    EnsembleUpdated,
    Event,
    Note,
    Progress,
    SearchFinished,
    SearchStarted,
    TrialFinished,
    TrialStarted,
)
from automl.formatting import format_elapsed, format_score

__all__ = ["LineView"]

_SILENCE_S = 60.0
"""Longest time without a line: CI services kill silent jobs."""


class LineView(Watcher):
    """Writes the start, notes, each new best model, each new kind of failure, and the finish.

    Args:
        file: Output stream.
        data: DATA as given on the command line.
        verbose: Whether to write every event.
    """

    def __init__(self, file: TextIO, data: str, verbose: bool = False) -> None:
        super().__init__()
        self._file, self._data, self._verbose = file, data, verbose
        self._best: str | None = None
        self._finished_trials: dict[str, TrialFinished] = {}
        self._failures_seen: set[tuple[str, str, str]] = set()
        self._last_s = 0.0

    def show(self, event: Event) -> None:
        """Writes the lines of one event."""
        match event:
            case SearchStarted():
                for name, value in describe_start(event, self._data):
                    self._write(f"{name:<9} {value}")
            case Note():
                self._write(f"note      {describe_event(event)}")
            case Progress():
                self._show_progress(event)
            case TrialFinished():
                self._show_trial(event)
            case TrialStarted() | EnsembleUpdated() | SearchFinished():
                if self._verbose:
                    self._line(event.elapsed_s, describe_event(event))

    def _show_trial(self, event: TrialFinished) -> None:
        self._finished_trials[event.trial] = event
        failure = (event.family, event.error_kind, event.error)
        is_new = event.state == "failed" and failure not in self._failures_seen
        if event.state == "failed":
            self._failures_seen.add(failure)
        if self._verbose or is_new:
            self._line(event.elapsed_s, describe_event(event))

    def _show_progress(self, event: Progress) -> None:
        if event.best_trial is not None and event.best_trial != self._best:
            self._best = event.best_trial
            known = self._finished_trials.get(event.best_trial)
            text = f"{event.best_trial} {format_score(event.best_score)}"
            self._line(event.elapsed_s, f"best: {describe_event(known) if known else text}")
        elif event.elapsed_s - self._last_s >= _SILENCE_S:
            n_over = sum(counts.over for counts in event.families.values())
            best = "" if self._best is None else f", best {format_score(event.best_score)}"
            self._line(event.elapsed_s, f"{n_over} trials{best}")

    def _line(self, elapsed_s: float, text: str) -> None:
        self._last_s = elapsed_s
        self._write(f"{format_elapsed(elapsed_s):>8}  {text}")

    def _write(self, line: str) -> None:
        # Flushed immediately, as a user may follow the file.
        self._file.write(f"{line}\n")
        self._file.flush()
