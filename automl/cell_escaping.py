r"""Texts in CSV and JSON that no spreadsheet and no terminal runs, and that come back exactly.

A cell that a spreadsheet would take for a formula gets an apostrophe before it. One with characters
that cannot be seen, such as those that begin an escape sequence, is written as an apostrophe, a
backslash, and the text with such characters as ``\x1b`` and every backslash doubled. Cells that
look like either gets one apostrophe more, so that each cell is read back as what it was.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata

__all__ = ["guarded", "guarded_json", "is_hidden", "unguarded"]

_JOINERS = "\u200c\u200d"
"""Format characters that emoji and several scripts need."""
_FORMULA_STARTS = "=@\t\r\n＝＠"
_SIGNS = "+-＋－"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MARK = "'\\"
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def guarded(text: str) -> str:
    """Returns a cell that neither a spreadsheet nor a terminal runs; most are what they were."""
    if any(map(_is_unsafe, text)):
        return _MARK + "".join(_escaped(character) for character in text)
    return f"'{text}" if _is_formula(text) or re.match(r"'+\\", text) else text


def unguarded(text: str) -> str:
    """Returns the text that ``guarded`` made a cell of; other cells stay as they are."""
    if not text.startswith("'"):
        return text
    before = text[1:]
    if text.startswith(_MARK):
        before = _ESCAPE.sub(_unescaped, text[len(_MARK) :])
    return before if guarded(before) == text else text


def guarded_json(text: str) -> str:
    """Returns JSON whose strings have escapes for all that a terminal could run."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(json.dumps(c)[1:-1] if _is_unsafe(c) or c == "\x7f" else c for c in text)


def is_hidden(character: str) -> bool:
    """Whether a character can be neither seen nor trusted.

    Those are controls, and format characters: bidirectional overrides could turn a line around.
    """
    if character in _JOINERS:
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _is_unsafe(character: str) -> bool:
    return character not in "\t\n" and is_hidden(character)


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet may run a cell, without the apostrophes before it."""
    bare = text.lstrip("'")
    if not bare or bare[0] not in _SIGNS:
        return bool(bare) and bare[0] in _FORMULA_STARTS
    return len(bare) > 1 and _NUMBER.fullmatch(bare) is None


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if not _is_unsafe(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescaped(found: re.Match[str]) -> str:
    what = found[1]
    code = ord("\\") if what == "\\" else int(what[1:], 16)
    return chr(code) if code <= sys.maxunicode and not 0xD800 <= code < 0xE000 else found[0]
