"""Creates rich consoles and tables that never interpret text from data as markup."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable
from typing import Any, TextIO, cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from automl.formatting import clean

__all__ = ["make_console", "make_table", "print_facts"]

_WIDTH_WITHOUT_TERMINAL = 120


class _Trimmed(io.TextIOBase):
    """Removes the spaces with which rich fills lines, for files and pipes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write(re.sub(r"[ \t]+(?=\n)", "", text))
        return len(text)

    def flush(self) -> None:
        self._file.flush()


class _Console(Console):
    """Raises ``BrokenPipeError`` instead of ending the process, so that a search continues."""

    def on_broken_pipe(self) -> None:
        """Called by rich while it handles a ``BrokenPipeError``, which it raises again."""
        raise


def make_console(file: TextIO) -> Console:
    """Returns a console that prints all text literally.

    Args:
        file: Output stream. For a file or a pipe, the width is ``COLUMNS`` or 120.
    """
    settings: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
    if file.isatty():
        return _Console(file=file, **settings)
    width = None if os.environ.get("COLUMNS") else _WIDTH_WITHOUT_TERMINAL
    return _Console(file=cast(TextIO, _Trimmed(file)), width=width, **settings)


def make_table() -> Table:
    """Returns an empty table with a line below its header and no border."""
    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )


def print_facts(console: Console, facts: Iterable[tuple[str | Text, str, str]]) -> None:
    """Prints names and values in two columns, without those that have no value.

    Args:
        console: The console.
        facts: Name, value and style of the value.
    """
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=9, style="dim")
    lines.add_column(overflow="fold")
    for name, value, style in facts:
        if value:
            lines.add_row(name, Text(clean(value), style))
    console.print(lines)
