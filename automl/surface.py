"""A message names an option as its reader writes it: ``--target y``, or ``target='y'``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from automl.process_state import process_untouched

__all__ = ["command_line", "flag_of", "named", "python_call"]

_PLACEHOLDERS = ("COLUMN", "NAME")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads messages, and what that person calls options, by their keys."""

    names: Mapping[str, str]
    is_command_line: bool = False


_NOBODY = _Reader({})
_reader = ContextVar("_reader", default=_NOBODY)


def named(key: str, value: Any = None) -> str:
    """An option, with a value where one is given, as the reader of a message writes it.

    Args:
        key: Its key in the configuration, or the name of an argument of a public function.
        value: Its value; ``NAME`` and ``COLUMN`` stand for any.

    Example:
        >>> named("metric", "mae")
        "metric='mae'"
        >>> with command_line({"metric": "--metric"}):
        ...     named("metric", "mae"), named("data.strict", True)
        ('--metric mae', 'data.strict=true')
    """
    reader = _reader.get()
    name = reader.names.get(key, key)
    if value is None:
        return name
    if not reader.is_command_line:
        return f"{name}={value if value in _PLACEHOLDERS else repr(value)}"
    if name != key:
        return name if value is True else f"{name} {shlex.quote(str(value))}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{name}={shlex.quote(text)}"


def flag_of(key: str) -> str:
    """The flag of an option: the last part of its key, without its unit."""
    return "--" + key.rpartition(".")[2].removesuffix("_s").replace("_", "-")


@contextmanager
def command_line(flags: Mapping[str, str]) -> Iterator[None]:
    """Has messages name options by the flags of a verb.

    Args:
        flags: Flags by the keys of their options; others are written ``key=value``.
    """
    token = _reader.set(_Reader(flags, is_command_line=True))
    try:
        yield
    finally:
        _reader.reset(token)


@contextmanager
def python_call(arguments: Mapping[str, str] | None = None) -> Iterator[None]:
    """Leaves what belongs to the process as it was, and has messages name options in Python.

    Args:
        arguments: Arguments of the function that was called by the keys of their options, where
            they are called otherwise; others go by their key.
    """
    reader = _reader.get()
    token = _reader.set(reader if reader.is_command_line else _Reader(arguments or {}))
    try:
        with process_untouched():
            yield
    finally:
        _reader.reset(token)
