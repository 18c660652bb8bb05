"""Formats text and numbers for people, safely for a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from automl.cell_escaping import is_hidden

__all__ = [
    "clean",
    "first_line",
    "format_amount",
    "format_elapsed",
    "format_params",
    "format_score",
    "format_seconds",
    "format_state",
    "shortened",
]

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS and other strings: titles, links
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_BREAK = re.compile(r" *[^\S ]\s*")
"""Whitespace with a new line or a tab in it."""


def clean(text: str, *, keep_newlines: bool = False) -> str:
    """Returns text without escape sequences, control and direction characters.

    Args:
        text: Any text: a column name, a label, an error of a library.
        keep_newlines: Without it the text becomes one line. Two spaces are kept, as labels may
            differ by them.
    """
    text = _ESCAPE_SEQUENCE.sub("", text)
    if keep_newlines:
        return "".join(c for c in text if c == "\n" or not is_hidden(c))
    return _BREAK.sub(" ", "".join(c for c in text if c.isspace() or not is_hidden(c))).strip()


def first_line(error: BaseException, at_most: int = 200) -> str:
    """Returns the first line of an error, without its full stop, to become part of a message."""
    return (str(error).splitlines() or ["no reason given"])[0][:at_most].rstrip(".")


def shortened(text: str, at_most: int = 40) -> str:
    """Returns a text of at most this number of characters; a longer one ends in dots."""
    return text if len(text) <= at_most else f"{text[: at_most - 3]}..."


def format_state(state: str) -> str:
    """Returns a trial's state or a kind of error in words: ``out of time``."""
    return state.replace("_", " ")


def format_score(score: float | None) -> str:
    """Returns a score with enough digits to distinguish models; "" for None."""
    if score is None:
        return ""
    size = abs(score)
    if size != 0 and not 1e-3 <= size < 1e7:
        return f"{score:.3e}"
    whole_digits = len(str(int(size)))
    return f"{score:.{max(0, min(4, 7 - whole_digits))}f}"


def format_amount(amount: float) -> str:
    """Returns an amount with three digits, without an exponent; "" for 0."""
    if not amount:
        return ""
    return f"{amount:.0f}" if amount >= 99.95 else f"{amount:.3g}"


def format_seconds(seconds: float | None) -> str:
    """Returns a duration such as ``3 ms``, ``4.2 s``, ``2:05`` or ``1:02:05``; "" for None."""
    if seconds is None:
        return ""
    if seconds < 0.0995:
        return "<1 ms" if seconds < 0.0005 else f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return format_elapsed(round(seconds))


def format_elapsed(seconds: float) -> str:
    """Returns a point in time since the start: ``0:07``, ``12:30``, ``1:02:05``."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_params(params: Mapping[str, Any]) -> str:
    """Returns params as ``name=value``, numbers with four digits: for people, not for parsers."""
    return clean(", ".join(f"{name}={_format_value(value)}" for name, value in params.items()))


def _format_value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
