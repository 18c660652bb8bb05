"""Removes spaces between a delimiter and a quote, because the parser ignores such quotes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import BinaryIO, cast

__all__ = ["has_spaced_quotes", "without_spaces"]

Open = Callable[[], BinaryIO]
_FIELD = re.compile(r'(?:^|[,;|\t\r\n])(?:"(?:[^"]|"")*"|( [^,;|\t\r\n]*)|[^,;|\t\r\n]*)')
_OPENING = re.compile(rb'([,;|\t]) +"(?!"[^,;|\t\r\n])')
"""A quote that opens a value, also an empty one, and is not a doubled quote within a value."""
_UNDECIDED = re.compile(rb'[,;|\t] {0,64}"{0,2}\Z')
"""The end of a block that may continue as an opening quote in the next block."""


def has_spaced_quotes(text: str) -> bool:
    """Whether a text has quoted values after spaces, such as ``1, "a, b", 2``."""
    return any(match[1].lstrip(" ").startswith('"') for match in _FIELD.finditer(text) if match[1])


def without_spaces(open_file: Open) -> Open:
    """Wraps an opener so that spaces between a delimiter and a quote are removed.

    Values never change their bounds; at most some lose spaces before their last quote.

    Args:
        open_file: Opens the decompressed bytes, in an encoding that extends ASCII.
    """
    return lambda: cast(BinaryIO, io.BufferedReader(_Unspaced(open_file()), buffer_size=1 << 20))


class _Unspaced(io.RawIOBase):
    def __init__(self, source: BinaryIO) -> None:
        self._source, self._rest, self._ready = source, b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            block = self._source.read(len(buffer))
            text, self._rest = self._rest + block, b""
            if not text:
                return 0
            if block and (cut := _UNDECIDED.search(text)):
                text, self._rest = text[: cut.start()], text[cut.start() :]
            self._ready = _OPENING.sub(rb'\1"', text)
        data, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._source.close()
        super().close()
