"""Adapts output streams to characters that their encoding lacks."""

from __future__ import annotations

import codecs
from typing import TextIO

__all__ = ["data_stream", "forgive"]

_PLAIN = {
    "±": "+/-", "…": "...", "\N{EN DASH}": "-", "·": ".", "\N{MULTIPLICATION SIGN}": "x",
    "─": "-", "━": "-", "→": "->", "≤": "<=", "≥": ">=",
}  # fmt: skip
"""ASCII replacements of automl's own symbols; characters of data are escaped."""
_HANDLER = "automl.plain"


def forgive(stream: TextIO) -> None:
    """Makes a stream replace characters that its encoding lacks instead of failing.

    Streams of notebooks, which accept any text, are unchanged.
    """
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        codecs.register_error(_HANDLER, _plain)
        reconfigure(errors=_HANDLER)


def data_stream(stream: TextIO) -> TextIO:
    """Returns the stream for CSV or JSON, set to UTF-8 unless it is a terminal."""
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
