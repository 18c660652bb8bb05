"""Base class of the views of a search; it shows nothing."""

from __future__ import annotations

from typing import Self

from automl.events import Event, SearchFinished, SearchStarted

__all__ = ["Watcher"]


class Watcher:
    """Receives the events of a search and shows nothing, as for ``-q``.

    A closed terminal must not end a search, so an ``OSError`` while showing is kept and stops
    only the output.

    Attributes:
        run: Path of the run directory, once known.
        finished: The last event, once received.
    """

    def __init__(self) -> None:
        self.run: str | None = None
        self.finished: SearchFinished | None = None
        self.output_error: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Receives an event."""
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
        """Raises the error that stopped the output, unless it is a broken pipe.

        Raises:
            OSError: The output cannot be written, for example on a full disk.
        """
        if self.output_error is not None and not isinstance(self.output_error, BrokenPipeError):
            raise self.output_error

    def show(self, event: Event) -> None:
        """Shows an event; nothing here."""
