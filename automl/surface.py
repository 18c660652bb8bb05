"""A message names a setting as its reader would write it: ``--target`` or ``target=``.

Messages are written for the command line. What a call from Python hands out, errors and events of
a search, is put into Python's words at the door, unless the command line made the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from automl.errors import AutoMLError
from automl.untouched import process_untouched

__all__ = ["as_written", "command_line", "in_python", "python_call"]

_ARGUMENTS = (
    *("target", "task", "quantiles", "metric", "trials", "seed", "out", "preset", "keep", "test"),
    *("group", "time-column", "gap", "folds-column", "weight", "series-id", "step", "wide"),
)
_NAMES = {
    **{name: name.replace("-", "_") for name in _ARGUMENTS},
    "time": "time_s",
    "folds": "search.folds",
    "sheet": "data.sheet",
    "series-table": "data.series_table",
}
"""Options by their names in Python: arguments, or settings by dotted key."""
_PROSE = frozenset(("and", "are", "avoid", "is", "it", "or", "such", "takes", "to", "with"))
"""Words that are no value of the option before them."""
_OPTION = re.compile(
    rf"(?<![\w'\"-])--(?P<name>{'|'.join(sorted(_NAMES, key=len, reverse=True))}|resume)"
    r"(?![\w-])(?: (?P<value>[/\w](?:[\w./:-]*[\w/])?))?"
)
_MINUTES = re.compile(r"(\d+)m")
_is_command_line = False


@contextmanager
def command_line() -> Iterator[None]:
    """Leaves messages as they are while a command line runs."""
    global _is_command_line
    before, _is_command_line = _is_command_line, True
    try:
        yield
    finally:
        _is_command_line = before


@contextmanager
def python_call() -> Iterator[None]:
    """Leaves what belongs to the process as it was, and puts errors into the caller's words."""
    with process_untouched():
        try:
            yield
        except AutoMLError as error:
            error.args = tuple(as_written(a) if isinstance(a, str) else a for a in error.args)
            raise


def as_written(text: str) -> str:
    """A message in the words of whoever made the call."""
    return text if _is_command_line else in_python(text)


def in_python(text: str) -> str:
    """A message with the names that options have in Python.

    Example:
        >>> in_python("guessed: the last column; use --target NAME, or --metric mae")
        "guessed: the last column; use target=NAME, or metric='mae'"
    """
    return _OPTION.sub(_argument, text)


def _argument(match: re.Match[str]) -> str:
    option, value = match["name"], match["value"]
    if option == "resume":
        return "resume=True" + ("" if value is None else f" {value}")
    name = _NAMES[option]
    if value is None or value in _PROSE:
        return name + ("" if value is None else f" {value}")
    if option == "time" and (minutes := _MINUTES.fullmatch(value)):
        value = str(60 * int(minutes[1]))
    is_bare = value.isupper() or value[0].isdigit()
    return f"{name}={value if is_bare else repr(value)}"
