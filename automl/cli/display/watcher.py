"""The watcher of a search that says nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from automl.events import Event, SearchFinished, SearchStarted

__all__ = ["Watcher"]


class Watcher:
    """Takes the events of one search and shows nothing: what ``-q`` gives.

    A terminal that is gone must not end a search, so an ``OSError`` while showing is kept and
    ends the showing only.

    Attributes:
        run: Path of the run directory, once it is known.
        finished: The last event, once it came.
    """

    def __init__(self) -> None:
        self.run: str | None = None
        self.finished: SearchFinished | None = None
        self.output_error: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        if isinstance(event, SearchStarted):
            self.run = event.run
        elif isinstance(event, SearchFinished):
            self.finished = event
        if self.output_error is None:
            try:
                self.show(event)
            except OSError as error:
                self.output_error = error

    def check_output(self) -> None:
        """Raises why showing ended, once the run is there: unless nobody was looking any more.

        Raises:
            OSError: The output takes no more, for example on a full disk.
        """
        if self.output_error is not None and not isinstance(self.output_error, BrokenPipeError):
            raise self.output_error

    def show(self, event: Event) -> None:
        """Shows an event; nothing here."""
