"""Parses dates written as text in the common formats."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "DAY_FIRST_REASON",
    "date_share",
    "is_day_first",
    "parse_dates",
    "plain_dates",
    "told_day_first",
]

DAY_FIRST_REASON = "day before month"
_TIME = (
    r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?)?"
    r"(?:\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}T\d{4}|(?:19|20)\d{2}-?W\d{2}(?:-?[1-7])?$")
_MONTH_ONLY = re.compile(r"(?:19|20)\d{2}-(?:0[1-9]|1[0-2])$")
_QUARTER = re.compile(
    r"(?:(?P<y>(?:19|20)\d{2})[- ]?Q(?P<q>[1-4])|Q(?P<p>[1-4])[- /]?(?P<x>(?:19|20)\d{2}))$"
)
_MONTH_YEAR = re.compile(r"([A-Za-z]{3,9})\.?[ ,-]{1,2}((?:19|20)\d{2}|\d{2})$")
_YEAR_MONTH = re.compile(r"((?:19|20)\d{2})[ -]([A-Za-z]{3,9})\.?$")
_NUMERIC = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{4}|\d{1,2})" + _TIME + "$")
_DAY_NAME = r"(?:[A-Za-z]{3,9},? )?"
_DAY_MONTH = re.compile(
    _DAY_NAME + r"(\d{1,2})(?:st|nd|rd|th)?[ -]([A-Za-z]{3,9})\.?,?[ -](\d{4}|\d{2})" + _TIME + "$"
)
_C_TIME = re.compile(
    r"[A-Za-z]{3} ([A-Za-z]{3})\s+(\d{1,2}) (\d{2}):(\d{2}):(\d{2})"
    r"(?: ([+-]\d{4}|UTC|GMT))? (\d{4})$"
)
_MONTH_DAY = re.compile(_DAY_NAME + r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})" + _TIME + "$")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("jan january", "feb february", "mar march", "apr april", "may", "jun june"),
            *("jul july", "aug august", "sep sept september", "oct october", "nov november"),
            "dec december",
        ),
        start=1,
    )
    for name in names.split()
}
SAMPLE = 1000


def parse_dates(texts: pa.Array, day_first: bool) -> pa.Array:
    """Parses texts as timestamps.

    Args:
        texts: Strings, ``(n,)``; pass distinct ones to save work.
        day_first: Whether 01/02/2013 means 1 February.

    Returns:
        ``timestamp[us]`` in UTC, ``(n,)``; null where a text is not a date.
    """
    plain = plain_dates(texts)
    if plain is not None:
        return plain
    parsed = [
        None if text is None else _parse(text.strip(), day_first) for text in texts.to_pylist()
    ]
    return pa.array(parsed, type=pa.timestamp("us"))


def plain_dates(texts: pa.Array) -> pa.Array | None:
    """Parses texts that Arrow can read; returns None if it cannot read one of them.

    Arrow reads ISO 8601, with a time zone in all texts or in none.
    """
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        with contextlib.suppress(pa.ArrowInvalid):
            return texts.cast(kind).cast(pa.int64()).cast(pa.timestamp("us"))
    return None


def date_share(texts: pa.Array) -> float:
    """Share of a sample of texts that are dates, 0 to 1."""
    known, day_first = texts.drop_null(), is_day_first(texts)
    sample = known[:: max(1, len(known) // SAMPLE)].to_pylist()
    n_dates = sum(_parse(text.strip(), day_first) is not None for text in sample)
    return n_dates / max(len(sample), 1)


def is_day_first(texts: pa.Array) -> bool:
    """Whether dates such as 31/12/2013 have the day before the month.

    A part above 12 must be the day. Without one, points mean day first and slashes month first.
    """
    told = told_day_first(texts)
    if told is not None:
        return told
    points = pc.match_substring_regex(texts, r"^\s*\d{1,2}\.\d{1,2}\.\d").fill_null(False)
    return bool(pc.any(points).as_py())


def told_day_first(texts: pa.Array) -> bool | None:
    """Whether the day comes before the month, judged by parts above 12; None if undecided."""
    pattern = r"^\s*\d{1,2}[-/.]\d{1,2}[-/.]\d"
    parts = texts.filter(pc.match_substring_regex(texts, pattern).fill_null(False))
    if len(parts) == 0:
        return None
    numbers = pc.extract_regex(parts, r"^\s*(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})")
    first = numbers.field("a").cast(pa.int32())
    second = numbers.field("b").cast(pa.int32())
    n_day_first = pc.sum(pc.greater(first, 12)).as_py() or 0
    n_month_first = pc.sum(pc.greater(second, 12)).as_py() or 0
    return None if n_day_first == n_month_first else int(n_day_first) > int(n_month_first)


def _parse(text: str, day_first: bool) -> datetime | None:
    try:
        if _ISO.match(text):
            return _utc(datetime.fromisoformat(text))
        if _MONTH_ONLY.match(text):
            return datetime(int(text[:4]), int(text[5:]), 1)
        return _parse_numeric(text, day_first) or _parse_named(text) or _parse_part(text)
    except ValueError:
        return None  # looks like a date but is not one, such as 30 February


def _parse_numeric(text: str, day_first: bool) -> datetime | None:
    """Dates of three numbers, such as 31/12/2013 or 08.04.21."""
    found = _NUMERIC.match(text)
    if not found:
        return None
    first, separator, middle, last, *clock = found.groups()
    if len(first) == 4 and len(last) <= 2:
        return _at(int(first), int(middle), int(last), clock)
    if len(first) > 2 or len(last) == 1:
        return None
    if len(last) == 2 and separator != "/" and len(first) + len(middle) < 4:
        return None  # 1.2.34 is more likely a version number
    day, month = (first, middle) if day_first else (middle, first)
    return _at(_year(last), int(month), int(day), clock)


def _parse_named(text: str) -> datetime | None:
    """Dates with the name of a month."""
    if found := _DAY_MONTH.match(text):
        day, name, year, *clock = found.groups()
    elif found := _MONTH_DAY.match(text):
        name, day, year, *clock = found.groups()
    elif found := _C_TIME.match(text):
        name, day, *hours, zone, year = found.groups()
        clock = [*hours, None, zone]
    else:
        return None
    number = _MONTHS.get(name.lower())
    return None if number is None else _at(_year(year), number, int(day), clock)


def _parse_part(text: str) -> datetime | None:
    """Months and quarters, by their first day."""
    if found := _QUARTER.match(text):
        year, quarter = found["y"] or found["x"], found["q"] or found["p"]
        return datetime(int(year), 3 * int(quarter) - 2, 1)
    if found := _MONTH_YEAR.match(text):
        name, year = found.groups()
    elif found := _YEAR_MONTH.match(text):
        year, name = found.groups()
    else:
        return None
    number = _MONTHS.get(name.lower())
    return None if number is None else datetime(_year(year), number, 1)


def _year(written: str) -> int:
    """A year; one of two digits is taken to lie between 1970 and 2069."""
    number = int(written)
    return number if len(written) == 4 else number + (2000 if number < 70 else 1900)


def _at(year: int, month: int, day: int, clock: list[str | None]) -> datetime:
    hour, minute, second, half, zone = clock
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half.lower().startswith("p") else 0)
    moment = datetime(year, month, day, hours, int(minute or 0), int(second or 0))
    if zone in (None, "Z", "UTC", "GMT"):
        return moment
    return _utc(moment.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
