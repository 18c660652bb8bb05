"""Streams whose encoding lacks letters: text is shown as well as it can be, data whole."""

from __future__ import annotations

import codecs
from typing import TextIO

__all__ = ["data_stream", "forgive"]

_PLAIN = {
    "±": "+/-", "…": "...", "\N{EN DASH}": "-", "·": ".", "\N{MULTIPLICATION SIGN}": "x",
    "─": "-", "━": "-", "→": "->", "≤": "<=", "≥": ">=",
}  # fmt: skip
"""What stands for our own signs where they cannot be written; letters of data are escaped."""
_HANDLER = "automl.plain"


def forgive(stream: TextIO) -> None:
    """Has a stream write what its encoding lacks in other signs, in place of failing.

    A notebook's stream, which takes any text, stays as it is.
    """
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        codecs.register_error(_HANDLER, _plain)
        reconfigure(errors=_HANDLER)


def data_stream(stream: TextIO) -> TextIO:
    """Returns the stream for CSV or JSON: UTF-8 as in a file, unless a terminal shows it."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and not stream.isatty():
        reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    escaped = (c.encode("ascii", "backslashreplace").decode() for c in bad)
    return "".join(_PLAIN.get(c, e) for c, e in zip(bad, escaped, strict=True)), error.end
