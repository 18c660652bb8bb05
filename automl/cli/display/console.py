"""The terminal as rich sees it, with text from data taken as text."""

from __future__ import annotations

import io
import os
import re
from typing import Any, TextIO, cast

from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["make_console", "make_table"]

_WIDTH_WITHOUT_TERMINAL = 120


class _Trimmed(io.TextIOBase):
    """Leaves out the blanks that rich fills lines with: a file or a pipe has no use for them."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write(re.sub(r"[ \t]+(?=\n)", "", text))
        return len(text)

    def flush(self) -> None:
        self._file.flush()


class _Console(Console):
    """Lets a broken pipe through in place of ending the process, so that a search goes on."""

    def on_broken_pipe(self) -> None:
        """Called by rich while it handles a ``BrokenPipeError``, which goes on upwards."""
        raise


def make_console(file: TextIO) -> Console:
    """Returns a console that interprets nothing in what it prints.

    Args:
        file: Where it writes. A file or a pipe has the width of ``COLUMNS``, or 120.
    """
    settings: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
    if file.isatty():
        return _Console(file=file, **settings)
    width = None if os.environ.get("COLUMNS") else _WIDTH_WITHOUT_TERMINAL
    return _Console(file=cast(TextIO, _Trimmed(file)), width=width, **settings)


def make_table() -> Table:
    """Returns an empty table with a line below its head and nothing around it."""
    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
