"""Parses times of day and durations into seconds: ``20:11``, ``8:05 pm``, ``1:02:03.5``."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["seconds_of_texts"]

_CLOCK = (
    r"^(?P<sign>-?)(?:(?P<days>\d+) ?(?:d|days?),? )?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)"
    r"(?::(?P<seconds>[0-5]\d(?:[.,]\d+)?))?\s*(?P<half>(?:[AaPp]\.?[Mm]\.?)?)$"
)
_WORDS = (
    r"^(?:(?P<days>\d+(?:\.\d+)?) ?d(?:ays?)?)?,? ?"
    r"(?:(?P<hours>\d+(?:\.\d+)?) ?h(?:(?:ou)?rs?)?)?,? ?"
    r"(?:(?P<minutes>\d+(?:\.\d+)?) ?m(?:in(?:ute)?s?)?)?,? ?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?) ?s(?:ec(?:ond)?s?)?)?$"
)
_ISO = (
    r"^P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)
_PARTS = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0}


def seconds_of_texts(texts: pa.Array) -> pa.Array:
    """Reads times of day and durations as seconds.

    ``20:11`` is read as hours and minutes, ``1h 30m`` and ``PT1H30M`` (ISO 8601) as a duration.

    Args:
        texts: Strings, ``(n,)``; pass distinct ones to save work.

    Returns:
        float64, ``(n,)``; null where a text is neither.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    # A single part, such as 5 m, is a number with a unit, not a duration.
    several = pc.match_substring_regex(trimmed, r"\d ?[dhm].*\d ?[a-z]")
    in_words = pc.if_else(several, _sum(trimmed, _WORDS), None)
    return pc.coalesce(_by_clock(trimmed), in_words, _sum(trimmed, _ISO))


def _by_clock(texts: pa.Array) -> pa.Array:
    parts = pc.extract_regex(texts, _CLOCK)
    seconds = _sum(texts, _CLOCK)
    hours = _number(parts.field("hours"))
    half = pc.utf8_lower(parts.field("half"))
    at_twelve = pc.equal(hours, 12.0)
    to_pm = pc.if_else(at_twelve, 0.0, 43_200.0)
    to_am = pc.if_else(at_twelve, -43_200.0, 0.0)
    moved = pc.if_else(
        pc.starts_with(half, "p"), to_pm, pc.if_else(pc.starts_with(half, "a"), to_am, 0.0)
    )
    is_real = pc.or_(pc.equal(half, ""), pc.less_equal(hours, 12.0))
    total = pc.if_else(is_real, pc.add(seconds, moved), None)
    return pc.if_else(pc.equal(parts.field("sign"), "-"), pc.negate(total), total)


def _sum(texts: pa.Array, pattern: str) -> pa.Array:
    """Seconds in the parts of a pattern, ``(n,)``; null where a text does not match it."""
    parts = pc.extract_regex(texts, pattern)
    total = pc.if_else(parts.is_valid(), 0.0, None)
    for name, factor in _PARTS.items():
        total = pc.add(total, pc.multiply(_number(parts.field(name)), factor))
    # Every part is optional, so the pattern also matches a text with none, such as P.
    return pc.if_else(pc.match_substring_regex(texts, r"\d"), total, None)


def _number(digits: pa.Array) -> pa.Array:
    """Digits as float64; 0 for an empty text."""
    written = pc.replace_substring(digits, ",", ".")
    return pc.if_else(pc.equal(written, ""), "0", written).cast(pa.float64())
