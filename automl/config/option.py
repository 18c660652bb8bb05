"""What a field of the schema declares about its option, beside its type and default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Option", "option"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a search.

    Flags of the command line, arguments of ``automl.search``, checks of values, checks on resume
    and the table in docs/configuration.md follow from it.

    Attributes:
        help: What it means, in one sentence of Markdown.
        section: Heading in the help of the command line that its flag stands under; "" where it
            has no flag and is written as ``key=value``.
        metavar: Stands for the value of the flag.
        is_argument: Whether an option with a flag is an argument of ``automl.search``; else it is
            one of its settings.
        low: Smallest number.
        above, below: Bounds of a number that it does not reach.
        choices: All values there are.
        is_text: Whether a text in it is a person's, which is taken as it stands, where there are
            no choices.
        is_fixed: Whether it must be the same when a run is resumed with its data.
        parse: Turns what a person gives, a text or a Python value, into the value of the field;
            raises ``ConfigError``.
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
    """Declares a field of the schema.

    Args:
        help: See ``Option``.
        default: The default, or a function that makes it.
        details: Other attributes of ``Option``.
    """
    metadata = {"option": Option(help, **details)}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)
