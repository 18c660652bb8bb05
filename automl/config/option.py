"""Declares an option of the schema: help, flag, range and parsing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Option", "option"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a search.

    The flags of the command line, the arguments of ``automl.search``, the checks of values and on
    resume, and the table in docs/configuration.md are derived from it.

    Attributes:
        help: Description in one sentence of Markdown.
        section: Heading of its flag in the help of the command line; "" for an option without a
            flag, which is written ``key=value``.
        metavar: Placeholder for the value of the flag.
        is_argument: Whether an option with a flag is an argument of ``automl.search`` too.
        low: Inclusive lower bound of a number.
        above, below: Exclusive bounds of a number.
        choices: All valid values.
        is_text: Whether a string is free text, taken literally, if there are no choices.
        is_fixed: Whether it must be unchanged when a run is resumed with its data.
        parse: Converts a string or Python value to the value of the field; raises
            ``ConfigError``.
    """

    help: str
    section: str = ""
    metavar: str = "COLUMN"
    is_argument: bool = True
    low: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    is_text: bool = True
    is_fixed: bool = False
    parse: Callable[[Any], Any] | None = None


def option(help: str, default: Any = None, **details: Any) -> Any:
    """Declares a field of the schema with its option.

    Args:
        help: See ``Option``.
        default: Default value, or a function that creates it.
        details: Other attributes of ``Option``.
    """
    metadata = {"option": Option(help, **details)}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)
